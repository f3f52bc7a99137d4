"""Sinks: callbacks that send a run's numbers elsewhere: TensorBoard, MLflow, W&B, or your own.

What a named sink holds follows from `metrics.jsonl` only: after a resume TensorBoard's file is
rewritten from it, and MLflow and W&B, where nothing can be deleted, get only the points that they
lack. A sink of one's own is a callback: its `on_report(view)` finds new lines in `view.lines`.
"""

import importlib.util
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cartograd.core.errors import UsageError, unknown
from cartograd.core.files import write_file
from cartograd.engine.logging import callbacks
from cartograd.engine.logging.metrics_file import lines_of
from cartograd.engine.logging.view import View


class TensorBoard:
    """Scalars in the folder `tensorboard/` of a run: `tensorboard --logdir runs` shows them."""

    def on_start(self, view: View) -> None:
        """Begin the file again, with what `metrics.jsonl` has."""
        from torch.utils.tensorboard.writer import SummaryWriter

        folder = _folder(view)
        shutil.rmtree(folder / "tensorboard", ignore_errors=True)
        self.writer = SummaryWriter(str(folder / "tensorboard"), max_queue=1000, flush_secs=30)
        self.writer.flush()
        self._write(lines_of(folder))

    def on_report(self, view: View) -> None:
        """Add the new lines."""
        self._write(view.lines)

    def on_close(self, _: View) -> None:
        """Close the file."""
        self.writer.close()

    def _write(self, lines: Sequence[Mapping[str, Any]]) -> None:
        for line in lines:
            for name, value in numbers(line):
                self.writer.add_scalar(name, value, line["step"])
            if line["at"] == "epoch":
                self.writer.flush()


class MLflow:
    """A run in MLflow: at `$MLFLOW_TRACKING_URI`, else in `mlflow.db` beside the run folders."""

    def on_start(self, view: View) -> None:
        """Find the run of the folder, or begin one."""
        # A server that does not answer shall not hold up the training for minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        from mlflow.tracking import MlflowClient

        folder = _folder(view)
        own = f"sqlite:///{(folder.parent / 'mlflow.db').resolve()}"
        self.client = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI") or own)
        self.there: dict[str, set[int]] = {}
        known = folder / "mlflow.json"
        if known.exists():
            self._find(json.loads(known.read_text(encoding="utf-8"))["run"])
        else:
            self._begin(folder, view.config)
            write_file(known, json.dumps({"run": self.run}))
        self._write(lines_of(folder))

    def _find(self, run: str) -> None:
        self.run = run
        for name in self.client.get_run(run).data.metrics:
            points = self.client.get_metric_history(run, name)
            self.there[name] = {point.step for point in points}
        self.client.update_run(run, "RUNNING")

    def _begin(self, folder: Path, config: Mapping[str, Any]) -> None:
        found = self.client.get_experiment_by_name("cartograd")
        experiment = self.client.create_experiment("cartograd") if found is None else None
        made = self.client.create_run(
            experiment or found.experiment_id,  # type: ignore[union-attr]
            run_name=folder.name,
            tags={"folder": str(folder)},
        )
        self.run = made.info.run_id
        for key, value in config.items():
            self.client.log_param(self.run, key, str(value)[:500])

    def on_report(self, view: View) -> None:
        """Send the new lines."""
        self._write(view.lines)

    def on_close(self, view: View) -> None:
        """Say how the run ended."""
        states = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}
        self.client.set_terminated(self.run, states[view.ended])

    def _write(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """The numbers of lines as metrics at their steps, unless they are there."""
        from mlflow.entities import Metric

        for line in lines:
            step, now = line["step"], int(1000 * time.time())
            new = [
                Metric(name, value, now, step)
                for name, value in numbers(line)
                if step not in self.there.setdefault(name, set())
            ]
            if new:
                self.client.log_batch(self.run, metrics=new)
                for metric in new:
                    self.there[metric.key].add(step)


class WandB:
    """A run of Weights & Biases, in its folder `wandb/`; `$WANDB_MODE=offline` sends nothing.

    It goes by the folder's id, so that a resumed run goes on with its own.
    """

    def on_start(self, view: View) -> None:
        """Find the run of the folder, or begin one."""
        import wandb  # pyright: ignore[reportMissingImports]

        folder = _folder(view)
        self.known = folder / "wandb.json"
        found = json.loads(self.known.read_text(encoding="utf-8")) if self.known.exists() else {}
        self.last: int = found.get("last", -1)
        self.run: Any = wandb.init(
            project="cartograd",
            name=folder.name,
            dir=str(folder),
            id=found.get("run"),
            resume="allow",
            config=dict(view.config),
        )
        self._note()
        self._write(lines_of(folder))

    def on_report(self, view: View) -> None:
        """Send the new lines."""
        self._write(view.lines)

    def on_close(self, _: View) -> None:
        """Note what was sent."""
        self._note()
        self.run.finish()

    def _note(self) -> None:
        write_file(self.known, json.dumps({"run": self.run.id, "last": self.last}))

    def _write(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """The numbers of lines at their steps, unless they were sent."""
        for line in lines:
            place = 2 * line["step"] + (line["at"] == "epoch")  # a point and an epoch share steps
            if place > self.last:
                self.run.log(dict(numbers(line)), step=line["step"])
                self.last = place


SINKS: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "tensorboard": (TensorBoard, ("tensorboard",)),
    "mlflow": (MLflow, ("mlflow", "sqlalchemy", "alembic")),
    "wandb": (WandB, ("wandb",)),
}
"""By name, which is also that of their extra: what makes one, and the packages that it needs."""


def checked(sinks: str | Sequence[Any], folder: str | Path | None, /) -> list[tuple[str, Any]]:
    """The sinks by name; names are first told apart at commas.

    Raises:
        UsageError: an unknown name, a package that is missing, an object that is no callback, or
            no folder to belong to.
    """
    given: list[Any] = []
    for sink in [sinks] if isinstance(sinks, str) else sinks:
        given += [word.strip() for word in sink.split(",")] if isinstance(sink, str) else [sink]
    found = [
        (sink, _made(sink)) if isinstance(sink, str) else (type(sink).__name__, _own(sink))
        for sink in dict.fromkeys(given)
    ]
    if found and folder is None:
        raise UsageError("sinks follow the files of a run; give folder=")
    return found


def _made(name: str) -> Any:
    if name not in SINKS:
        raise unknown("sink", name, SINKS)
    make, packages = SINKS[name]
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise UsageError(
            f"the sink {name!r} needs {', '.join(missing)}: pip install 'cartograd[{name}]'"
        )
    return make()


def _own(sink: Any) -> Any:
    return callbacks.checked([sink], "sink")[0]


def _folder(view: View) -> Path:
    assert view.folder is not None  # `checked` has made sure
    return view.folder


def numbers(record: Mapping[str, Any], /) -> Iterator[tuple[str, float]]:
    """The numbers of a line of `metrics.jsonl`; those between epochs under `steps/`.

    >>> list(numbers({"at": "step", "step": 7, "train/loss": 0.5}))
    [('steps/train/loss', 0.5)]
    """
    prefix = "steps/" if record["at"] == "step" else ""
    for key, value in record.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and key not in ("at", "step"):
            yield prefix + key, float(value)
