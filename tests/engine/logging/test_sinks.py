import json
import os
import warnings

import numpy as np
import pytest

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.engine.logging import sinks
from cartograd.engine.logging.run_folder import read_lines
from cartograd.engine.logging.sinks import numbers
from cartograd.engine.loop.fit import fit
from tests.engine.toys import Toy, mlp, quadrants

# What the two packages themselves do not do in today's way.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def trained(folder, *, epochs=3, resume=False, **options):
    x, y = quadrants(160)
    return fit(
        build("classify", model=mlp(2, 8, 2, dropout=0.1)),
        Toy(x, y),
        validate=Toy(x, y, shuffle=False),
        epochs=epochs,
        folder=folder,
        resume=resume,
        device="cpu",
        **options,
    )


def expected(folder):
    """(name, step): value of every number in metrics.jsonl, each once."""
    found = [
        ((name, record["step"]), value)
        for record in read_lines(folder / "metrics.jsonl")
        for name, value in numbers(record)
    ]
    assert len(dict(found)) == len(found)
    return dict(found)


def in_tensorboard(folder):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    found = [
        ((name, event.step), event.value)
        for name in events.Tags()["scalars"]
        for event in events.Scalars(name)
    ]
    assert len(dict(found)) == len(found), "a point is there twice"
    return dict(found)


class Stopping:
    """Progress that ends the run like Ctrl-C after some epochs."""

    def __init__(self, epochs):
        self.epochs = epochs

    def on_epoch(self, view):
        if view.epoch == self.epochs:
            os.kill(os.getpid(), 2)


def single(points):
    return {key: float(np.float32(value)) for key, value in points.items()}


def test_tensorboard_holds_the_numbers_of_the_metrics_file(tmp_path):
    trained(tmp_path / "run", sinks="tensorboard")
    points = expected(tmp_path / "run")
    assert {name for name, _ in points} >= {"train/loss", "steps/train/loss", "valid/loss", "lr"}
    assert in_tensorboard(tmp_path / "run") == single(points)


def test_tensorboard_after_a_resume_has_each_point_once(tmp_path):
    stopped = trained(tmp_path / "run", sinks=("tensorboard",), progress=Stopping(2), epochs=4)
    assert stopped.stopped == "interrupted"
    # Points that were written after the last checkpoint vanish with the lines of the file.
    trained(tmp_path / "run", sinks=("tensorboard",), epochs=4, resume=True)
    assert in_tensorboard(tmp_path / "run") == single(expected(tmp_path / "run"))


def in_mlflow(folder):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    run = client.get_run(json.loads((folder / "mlflow.json").read_text())["run"])
    found = [
        ((name, point.step), point.value)
        for name in run.data.metrics
        for point in client.get_metric_history(run.info.run_id, name)
    ]
    assert len(dict(found)) == len(found), "a point is there twice"
    return run, dict(found)


def test_mlflow_holds_each_number_once_before_and_after_a_resume(tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    pytest.importorskip("alembic")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    with warnings.catch_warnings(action="ignore"):
        trained(tmp_path / "run", sinks="mlflow", progress=Stopping(2), epochs=4)
        run, points = in_mlflow(tmp_path / "run")
        assert run.info.status == "KILLED"
        assert points == expected(tmp_path / "run")
        trained(tmp_path / "run", sinks="mlflow", epochs=4, resume=True)
        run, points = in_mlflow(tmp_path / "run")
    assert run.info.status == "FINISHED"
    assert points == expected(tmp_path / "run")
    assert run.data.params["epochs"] == "4"
    assert run.info.run_name == "run"


class Kept:
    """A sink of one's own: a callback that takes the lines."""

    def __init__(self, fails_at=None):
        self.lines, self.fails_at, self.ended = [], fails_at, None

    def on_report(self, view):
        for line in view.lines:
            if len(self.lines) == self.fails_at:
                raise ConnectionError("the server has gone\naway")
            self.lines.append(dict(line))

    def on_close(self, view):
        self.ended = view.ended


def test_an_own_sink_gets_every_line_and_the_end(tmp_path):
    kept = Kept()
    trained(tmp_path / "run", sinks=[kept])
    assert kept.lines == read_lines(tmp_path / "run" / "metrics.jsonl")
    assert kept.ended == "finished"


@pytest.mark.parametrize("way", ["interrupted", "failed"])
def test_a_sink_hears_how_a_run_ended(tmp_path, way):
    class Failing:
        def on_epoch(self, _):
            raise KeyError("x")

    kept = Kept()
    other = {"interrupted": {"progress": Stopping(2)}, "failed": {"callbacks": Failing()}}[way]
    try:
        trained(tmp_path / "run", sinks=[kept], **other)
    except KeyError:
        assert way == "failed"
    assert kept.ended == way


def test_a_sink_that_fails_is_a_warning_and_the_run_goes_on(tmp_path):
    kept = Kept(fails_at=3)
    with pytest.warns(UserWarning, match="'Kept' failed, the run goes on without it: the server"):
        done = trained(tmp_path / "run", sinks=[kept])
    assert len(done.history) == 3
    assert len(kept.lines) == 3
    assert kept.ended is None, "a sink that failed is called no more"


def test_a_sink_that_cannot_begin_ends_the_run_before_it_starts(tmp_path):
    class Shut(Kept):
        def on_start(self, view):
            raise ConnectionError("nobody\nis there")

    with pytest.raises(UsageError, match="'Shut' cannot be opened: nobody is there"):
        trained(tmp_path / "run", sinks=[Shut()])
    assert not (tmp_path / "run" / "events.jsonl").exists()
    trained(tmp_path / "run")


@pytest.mark.untyped
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("tensorbord", "unknown sink 'tensorbord'; did you mean 'tensorboard'?"),
        ([3], "int is no sink: expected an object with some of the methods on_start"),
    ],
)
def test_what_is_no_sink_is_refused_and_nothing_written(tmp_path, given, message):
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        trained(tmp_path / "run", sinks=given)
    assert not (tmp_path / "run").exists()


def test_sinks_need_a_folder():
    with pytest.raises(UsageError, match="give folder="):
        trained(None, sinks=[Kept()])


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_a_missing_package_names_its_extra(tmp_path, monkeypatch, name):
    monkeypatch.setattr(sinks.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=rf"pip install 'cartograd\[{name}\]'"):
        trained(tmp_path / "run", sinks=name)
    assert not (tmp_path / "run").exists()


def test_a_store_that_cannot_be_opened_is_one_line(tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with (
        warnings.catch_warnings(action="ignore"),
        pytest.raises(UsageError, match="the sink 'mlflow' cannot be opened"),
    ):
        trained(tmp_path / "run", sinks="mlflow")
