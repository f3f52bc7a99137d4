"""A forecaster from its table to its answers: trained, measured, asked, exported and drawn."""

import json
import math
import warnings

import numpy as np
import pytest
import torch

import cartograd as cg
from cartograd.apps.answers.forecast import Series
from cartograd.apps.auto.candidates import candidates
from cartograd.apps.load.choice import choice
from cartograd.apps.results.against_plain import against_season
from cartograd.apps.server.decode import decode
from cartograd.core.errors import UsageError
from cartograd.engine.files.onnx_session import session
from cartograd.engine.loop.evaluate import collect
from tests.commands import command
from tests.data.sources.test_series import written

SPEC = "{path},time=month,target=sold,by=shop,horizon=4"


@pytest.fixture
def cli_run(monkeypatch, capsys):
    return command(capsys, monkeypatch)


def rows(count, phase=0.0):
    draw = np.random.default_rng(0)
    level = [i / 9 + 6 * math.sin(i * math.pi / 6 + phase) + draw.normal() for i in range(count)]
    return [f"{2000 + i // 12}-{i % 12 + 1:02},{v:.4f}" for i, v in enumerate(level)]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    both = [f"{row},east" for row in rows(150)] + [f"{row},west" for row in rows(150, 2.0)]
    return written(tmp_path_factory.mktemp("series"), both, "month,sold,shop")


@pytest.fixture(scope="module")
def run(table):
    folder = table.parent / "run"
    chosen = {"folder": folder, "epochs": 6, "device": "cpu"}
    return cg.train("n-beats:width=16,depth=2", SPEC.format(path=table), **chosen)


@pytest.fixture(scope="module")
def found(run, table):
    return cg.evaluate(run.folder, SPEC.format(path=table))


def test_the_task_says_what_is_measured_and_what_it_has_to_beat(run, found):
    assert list(found.metrics) == ["mase", "smape", "mae", "rmse", "pinball", "interval-coverage"]
    assert run.history[-1]["train/loss"] < 0.9 * run.history[0]["train/loss"]
    plain = (found.targets[:, :, 0] - found.targets[:, :, 1]).abs() / found.targets[:, :, 2]
    gained = plain.mean().item() - found.metrics["mase"]
    assert f"than seasonal naive (MASE {plain.mean().item():.3g}" in found.baseline
    assert f" {abs(gained):.3g}" in found.baseline
    assert found.baseline.endswith(f"over {len(found.targets)} windows")


def test_intervals_are_set_on_the_validation_part_and_kept(run, table):
    """On the windows that set them, each step's intervals hold the rank that they promise."""
    data = cg.dataset(SPEC.format(path=table))
    model = cg.load(run.folder).model
    stretch = model.model.ends.stretch
    assert (stretch - 1).abs().min() > 1e-4
    outputs, targets = collect(model, data.valid.batches(batch_size=64, shuffle=False))
    right = targets[:, :, 0]
    within = (outputs[:, :, 0] <= right + 1e-4) & (right <= outputs[:, :, 2] + 1e-4)
    rank = math.ceil((len(right) + 1) * 0.8)
    assert within.sum(0).tolist() == [rank] * 4


def test_the_steps_to_come_have_dates_in_every_form(run, table, cli_run):
    answers = cg.predict(run.folder, table)
    assert [one["source"] for one in answers] == [f"{table} east", f"{table} west"]
    assert answers[0]["times"] == ["2012-07-01", "2012-08-01", "2012-09-01", "2012-10-01"]
    assert all(low < high for low, high in zip(answers[0]["low"], answers[0]["high"], strict=True))
    head, first, *more = cli_run("predict", run.folder, table, "--csv").out.splitlines()
    assert head == "source,time,low,middle,high"
    assert first.split(",")[:2] == [f"{table} east", "2012-07-01"]
    assert float(first.split(",")[3]) == pytest.approx(answers[0]["middle"][0])
    assert len(more) == 7
    picture = table.parent / "forecast.png"
    done = cli_run("predict", run.folder, table, "--json", "--out", picture)
    assert (done.code, f"wrote {picture}" in done.err) == (0, True)
    assert json.loads(done.out.splitlines()[1]) == answers[1]
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_a_forecast_is_made_of_the_last_steps(run, table, cli_run):
    data = cg.dataset(SPEC.format(path=table))
    values = [row.split(",") for row in table.read_text().splitlines()[1:]]
    last = [float(cells[1]) for cells in values if cells[2] == "west"][-24:]
    asked = torch.tensor(last)[None, None]
    answer = cg.predict(run.folder, asked)[0]
    assert answer["middle"] == pytest.approx(cg.predict(run.folder, table)[1]["middle"])
    port = data.signature.input
    body = json.dumps({"inputs": asked.tolist()}).encode()
    decoded = decode(port, "application/json", body, most=4, draws=1)
    torch.testing.assert_close(decoded.inputs, asked)
    done = cli_run("predict", run.folder, table, "--out", "forecast.txt")
    assert (done.code, "expected a .png file" in done.err) == (2, True)


@pytest.mark.compile
def test_an_exported_file_gives_the_calibrated_intervals(run, table):
    data = cg.dataset(SPEC.format(path=table))
    model = cg.load(run.folder).model
    path = cg.export(run.folder, table.parent / "model.onnx").path
    x = data.test.inputs[:3]
    (given,) = [torch.from_numpy(session(path)([x.numpy()]))]
    torch.testing.assert_close(given, model(x), rtol=1e-4, atol=1e-4)


def test_the_report_shows_windows_and_each_step(run, found, table):
    page = (run.folder / "report.html").read_text()
    assert "Figures of each step to come" in page
    assert "MASE of seasonal naive" in page
    other = found.draw(table.parent / "page.html").read_text()
    assert 'id="forecasts"' in other


def test_another_file_is_read_as_that_of_the_training(run, table):
    later = [f"{row},north" for row in rows(90, 1.0)]
    path = written(table.parent, later, "month,sold,shop", "north.csv")
    found = cg.evaluate(run.folder, path)
    assert len(found.targets) == 90 - 24 - 4 + 1
    assert found.outputs.shape[1:] == (4, 3)


def test_what_cannot_be_asked_of_a_forecaster_is_said(run, table, tmp_path):
    data = cg.dataset(SPEC.format(path=table))
    with pytest.raises(UsageError, match="this model answers with a series"):
        cg.explain(run.folder, table)
    with pytest.raises(UsageError, match="attacks mislead classifiers"):
        cg.attack(run.folder, data.test.inputs[:2], torch.zeros(2, dtype=torch.int64))
    for model, message in (
        ("lenet5", "lenet5 knows no steps to come"),
        ("mlp", "mlp knows no steps to come, and series is to be forecast"),
        ("patchtst:context=20", "context=20, and series has context=24"),
    ):
        with pytest.raises(UsageError, match=message), warnings.catch_warnings(action="ignore"):
            cg.train(model, SPEC.format(path=table), folder=tmp_path / "none", device="cpu")
    with pytest.raises(UsageError, match="takes series, and digits gives pictures"):
        cg.train("n-beats", "digits", folder=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_dry_run_trains_nothing(table, tmp_path, cli_run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = "train", "n-beats:width=8", "--data", SPEC.format(path=table), "--dry-run"
    done = cli_run(*words)
    assert (done.code, "parameters" in done.out) == (0, True)
    assert "a value each month from 2000-01-01 to 2012-06-01" in done.err + done.out
    assert list(tmp_path.iterdir()) == []


def test_series_find_their_model_and_are_checked(tmp_path):
    assert choice("co2").model == "n-beats"
    short = written(tmp_path, rows(90), "month,sold")
    found = choice(f"{short},time=month,target=sold,horizon=4")
    assert (found.model, found.reason) == (
        "exponential-smoothing",
        "four numbers to learn from 31 windows",
    )
    assert candidates(found)[1].name == "n-beats"
    card = cg.data_check(f"{short},time=month,target=sold,horizon=4")
    assert card.skipped["drift"] == "the parts of a series follow one another in time"
    days = written(tmp_path, [f"2024-01-{day:02},{day}" for day in range(1, 30)], "day,y2", "d.csv")
    with pytest.raises(UsageError, match="with time=day, too, it is a series to be forecast"):
        cg.dataset(str(days))
    months = [f"{year}-{month:02},{year * month}" for year in range(2000, 2009) for month in (1, 2)]
    months = written(tmp_path, months, "month,sold", "m.csv")
    with pytest.raises(UsageError, match="with time=month, too, it is a series to be forecast"):
        cg.dataset(str(months))
    with pytest.raises(UsageError, match=r"never repeats\); time=month, too, makes it a series"):
        cg.dataset(f"{months},target=sold")


def test_a_metric_that_does_not_fit_is_named_with_those_that_do(run, table):
    with pytest.raises(
        UsageError, match=r"accuracy: outputs .* of the task 'forecast': mase, smape"
    ):
        cg.evaluate(run.folder, SPEC.format(path=table), metrics=["accuracy"])


def test_what_is_no_better_than_the_season_before_is_told_in_one_pair_of_brackets():
    targets = torch.tensor([[[5.0, 4.0, 2.0]], [[6.0, 8.0, 2.0]]])
    told = against_season(targets[:, :, 1:2].expand(-1, -1, 3), targets).text
    assert told == "seasonal naive (MASE 0.75, difference 0, 0 to 0) over 2 windows"


def test_digits_tell_the_ends_apart():
    answer = Series((370.12,), (370.15,), (370.19,))
    assert dict(answer.rows()[0]) == {
        "step": "1", "low": "370.120", "middle": "370.150", "high": "370.190",
    }  # fmt: skip
