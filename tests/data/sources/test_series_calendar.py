"""Series: what the calendar says, frames with a column of times, and what is refused in words."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

import cartograd as cg
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Signature
from cartograd.data.decode.read import read
from cartograd.data.decode.series_rows import pasts


def days(count, start="2021-01-04"):
    """Sales of a shop that is busy on Saturdays, and quieter each summer."""
    dates = pd.date_range(start, periods=count, freq="D")
    draw = np.random.default_rng(0)
    sold = 10 + 8 * (dates.day_of_week == 5) - 3 * (dates.month == 7) + draw.normal(size=count)
    return pd.DataFrame({"date": dates, "sold": sold.round(3)})


def made(frame, folder, **said):
    path = folder / "sales.csv"
    frame.to_csv(path, index=False)
    return build("series", kind="data", time="date", target="sold", **said)(path), path


def test_the_calendar_is_known_ahead_and_moved_by_the_horizon(tmp_path):
    frame = days(400)
    data, _ = made(frame, tmp_path, horizon=5, context=14, calendar="day_of_week")
    assert data.signature.input.dims == (3, 14)
    assert "learned from the dates, too: day_of_week (calendar=)" in data.decided
    for index in (0, 3):
        beside = frame["date"].dt.day_of_week.to_numpy()[index + 5 : index + 19]
        turn = 2 * np.pi * beside / 7
        expected = np.stack([np.sin(turn), np.cos(turn)])
        np.testing.assert_allclose(data.train.inputs[index, 1:], expected, atol=1e-6)
    again = Signature.from_json(json.loads(json.dumps(data.signature.to_json())))
    assert again.input.timeline.calendar == ("day_of_week",)


def test_what_is_learned_of_the_calendar_is_decided_by_steps_and_length(tmp_path):
    for count, parts in ((400, "day_of_week"), (1300, "day_of_week, month")):
        data, _ = made(days(count), tmp_path, calendar="auto", horizon=3)
        assert f"learned from the dates, too: {parts} (calendar=)" in data.decided
    assert made(days(400), tmp_path, horizon=3)[0].signature.input.dims[0] == 1
    yearly = pd.DataFrame({"date": range(1900, 1990), "sold": np.arange(90) % 7 + 0.1})
    data, _ = made(yearly, tmp_path, calendar="auto", horizon=2, context=3)
    assert "nothing of the calendar is seen twice in training" in data.decided
    with pytest.raises(UsageError, match="unknown part of the calendar 'weekday'"):
        made(days(400), tmp_path, calendar="weekday")


def test_to_forecast_no_rows_of_the_future_are_needed_for_it(tmp_path):
    frame = days(400)
    data, path = made(frame, tmp_path, horizon=5, context=14, calendar="day_of_week")
    port = data.signature.input
    (past,) = pasts(port, path)
    later = pd.date_range(frame["date"].iloc[-1], periods=6, freq="D")[1:]
    turn = 2 * np.pi * later.day_of_week.to_numpy() / 7
    np.testing.assert_allclose(past.x[1, -5:], np.sin(turn), atol=1e-6)
    assert past.times[0] == str(later[0].date())
    assert torch.equal(read(port, [path])[0], past.x)


def test_a_frame_with_a_column_of_times_is_a_series(tmp_path):
    frame = days(200)
    data = cg.dataset(frame, target="sold", time="date", horizon=4)
    file, path = made(frame, tmp_path, horizon=4)
    assert torch.equal(data.train.inputs, file.train.inputs)
    run = cg.train("seasonal-naive", data, folder=tmp_path / "run")
    own, other = cg.predict(run, frame), cg.predict(run, path)
    assert own[0]["middle"] == other[0]["middle"]
    assert cg.evaluate(run, frame, part="test", metrics=["mase"]).metrics["mase"] > 0


def test_another_horizon_is_refused_in_words_and_overlaps_are_told(tmp_path):
    data, path = made(days(200), tmp_path, horizon=4, stride=2)
    assert any(line.startswith("test windows overlap, 2 of 4 steps apart") for line in data.decided)
    alone, _ = made(days(200), tmp_path, horizon=4, stride=4)
    assert not any("overlap" in line for line in alone.decided)
    run = cg.train("seasonal-naive", f"series:{path},time=date,target=sold,horizon=4",
                   folder=tmp_path / "run")  # fmt: skip
    with pytest.raises(UsageError, match="the model forecasts the next 4 steps, and horizon=6 is"):
        cg.evaluate(run, f"series:{path},time=date,target=sold,horizon=6")


def test_words_as_covariates_are_refused_with_the_way_out(tmp_path):
    frame = days(100).assign(weather="rain")
    with pytest.raises(UsageError, match=r"line 2.*'rain' .*'weather'.* a column of 0 and 1 for"):
        made(frame, tmp_path, covariates="weather", horizon=3)
