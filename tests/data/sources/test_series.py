"""Sources of series: windows by time, what is decided and told, and what is refused."""

import numpy as np
import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.data.decode.read import read
from cartograd.data.decode.series_rows import pasts


def written(folder, rows, header="month,sold", name="sales.csv"):
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def months(count, start=0, value=lambda i: i / 9 + (5 * i) % 12 + (i * i) % 7 / 3):
    return [f"{2000 + i // 12}-{i % 12 + 1:02},{value(i)}" for i in range(start, start + count)]


def made(path, **said):
    return build("series", kind="data", **{"time": "month", "target": "sold"} | said)(path)


@pytest.mark.law("series")
@pytest.mark.parametrize("several", [False, True])
def test_what_is_tested_comes_after_all_that_is_learned_from(tmp_path, several):
    rows, header = months(120), "month,sold"
    if several:  # the second begins and ends later
        rows = [f"{row},a" for row in rows] + [f"{row},b" for row in months(90, 40)]
        header += ",shop"
    data = made(written(tmp_path, rows, header), horizon=4, **({"by": "shop"} if several else {}))
    ends = {}
    for part in ("train", "valid", "test"):
        split = getattr(data, part)
        firsts = [name.rpartition("from ")[2] for name in split.names]
        months_of = [12 * int(at[:4]) + int(at[5:7]) for at in firsts]
        ends[part] = min(months_of), max(months_of) + 3
    assert ends["train"][1] < ends["valid"][0]
    assert ends["valid"][1] < ends["test"][0]


def test_a_window_is_the_past_the_steps_to_come_the_season_before_and_the_unit(tmp_path):
    data = made(written(tmp_path, months(120)), horizon=14, context=24, season=12)
    y = np.array([float(row.split(",")[1]) for row in months(120)])
    x, targets = data.train.inputs, data.train.targets
    assert x.shape[1:] == (1, 24)
    for index in (0, 5):
        end = 24 + index
        np.testing.assert_allclose(x[index, 0], y[end - 24 : end], rtol=1e-6)
        np.testing.assert_allclose(targets[index, :, 0], y[end : end + 14], rtol=1e-6)
        before = np.concatenate([y[end - 12 : end], y[end - 12 : end - 10]])
        np.testing.assert_allclose(targets[index, :, 1], before, rtol=1e-6)
    learned = 120 - 23 - 24  # a horizon and nine months each, as shares are too short
    unit = np.abs(y[12:learned] - y[: learned - 12]).mean()
    np.testing.assert_allclose(targets[0, :, 2], unit, rtol=1e-6)
    assert any("instead of" in line for line in data.decided)


def test_the_forecast_of_the_season_before_is_what_the_targets_tell(tmp_path):
    data = made(written(tmp_path, months(120)), horizon=14)
    model = build("seasonal-naive", signature=data.signature).eval()
    said = model(data.test.inputs)[:, :, 1]
    torch.testing.assert_close(said, data.test.targets[:, :, 1], rtol=1e-4, atol=1e-4)


def test_known_columns_stand_beside_the_past_a_horizon_earlier(tmp_path):
    rows = [f"{row},{i % 5},{100 + i}" for i, row in enumerate(months(120))]
    path = written(tmp_path, rows, "month,sold,price,holidays")
    said = {"covariates": "price", "known": "holidays", "horizon": 4, "context": 12, "season": 6}
    data = made(path, **said)
    assert data.signature.input.dims == (3, 12)
    assert data.train.inputs[0, 1].tolist() == [float(i % 5) for i in range(12)]
    assert data.train.inputs[0, 2].tolist() == [float(100 + i) for i in range(4, 16)]
    with pytest.raises(UsageError, match="holidays must be known for the 4 steps after the last"):
        pasts(data.signature.input, path)
    ahead = [f"2010-{i + 1:02},,,{220 + i}" for i in range(4)]
    (past,) = pasts(
        data.signature.input, written(tmp_path, rows + ahead, "month,sold,price,holidays")
    )
    assert past.times == ("2010-01-01", "2010-02-01", "2010-03-01", "2010-04-01")
    assert past.x[2].tolist() == [float(i) for i in range(212, 224)]
    assert past.x[1, -1] == 119 % 5
    with pytest.raises(UsageError, match="context=12 is shorter than horizon=13"):
        made(path, **said | {"horizon": 13})


@pytest.mark.parametrize(
    ("rows", "said", "message"),
    [
        (months(120, value=lambda i: 3), {}, "the series is 3 throughout; there is nothing"),
        (months(120, value=lambda i: i % 12), {}, r"repeats itself exactly after 12 steps"),
        (months(30), {}, r"is too short: 0 months are left to learn from, and horizon=12"),
        (months(120), {"context": 6}, "context=6 is shorter than season=12"),
        (months(120), {"context": 100}, "is too short: 75 months are left to learn from"),
        (months(120), {"valid": 0.6, "test": 0.5}, "are not shares that leave something"),
        (months(120), {"target": "month"}, "the column 'month' is named for two things"),
        (months(120), {"target": "sodl"}, "did you mean 'sold'"),
        (months(120), {"time": "date"}, "unknown column of .*sales.csv 'date'"),
        (months(120), {"horizon": 0}, "horizon=0"),
        (months(120), {"gaps": "drop"}, "expected one of:? refuse, interpolate, previous"),
    ],
)  # fmt: skip
def test_what_cannot_be_forecast_is_refused_in_a_line(tmp_path, rows, said, message):
    with pytest.raises(UsageError, match=message) as caught:
        made(written(tmp_path, rows), **said)
    assert "\n" not in str(caught.value)


def test_a_short_one_of_several_is_left_out_and_named(tmp_path):
    rows = [f"{row},long" for row in months(120)] + [f"{row},short" for row in months(15, 100)]
    data = made(written(tmp_path, rows, "month,sold,shop"), by="shop")
    assert data.about["left out"] == {"short": "too short, 15 steps"}
    assert any("'short' is left out: too short" in line for line in data.decided)
    assert {name.split(" from")[0] for name in data.train.names} == {"long"}


def test_what_was_found_and_decided_is_told(tmp_path):
    data = made(written(tmp_path, months(120)))
    assert data.decided[0] == (
        "one series of 'sold', a value each month from 2000-01-01 to 2009-12-01; season 12 "
        "(season= says otherwise)"
    )
    assert data.decided[1].startswith("from 36 months the next 12 are forecast")
    assert data.decided[2] == "parted by time: valid from 2006-04-01, test from 2008-01-01"


def test_a_file_of_other_steps_or_too_short_is_not_forecast_from(tmp_path):
    port = made(written(tmp_path, months(120))).signature.input
    assert read(port, tmp_path / "sales.csv").shape == (1, 1, 36)
    days = [f"2024-01-{day:02},{day}" for day in range(1, 30)]
    with pytest.raises(
        UsageError, match="has a row each day, and the model knows a row each month"
    ):
        pasts(port, written(tmp_path, days, name="days.csv"))
    with pytest.raises(UsageError, match="has 20 months, and a forecast is made from 36"):
        pasts(port, written(tmp_path, months(20), name="short.csv"))


@pytest.mark.law("co2")
def test_co2_is_the_published_series():
    data = build("co2", kind="data")()
    port = data.signature.input
    assert (port.timeline.step, port.timeline.season, port.dims) == ("week", 52, (1, 104))
    assert "a value each week from 1958-03-29 to 2001-12-29" in data.decided[0]
    assert any("59 of 2284 weeks have no 'co2'" in line for line in data.decided)
    assert data.train.inputs[0, 0, :2].tolist() == pytest.approx([316.1, 317.3])
    assert data.about["licence"] == "public domain"
