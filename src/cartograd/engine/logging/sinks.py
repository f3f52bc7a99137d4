"""Sinks: loggers besides `metrics.jsonl`: TensorBoard, MLflow, W&B, or any `write`.

What a sink holds follows from `metrics.jsonl` only: after a resume TensorBoard's file is rewritten
from it, and MLflow and W&B, where nothing can be deleted, get only the points that they lack.
"""

import importlib.util
import json
import os
import shutil
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from cartograd.core.errors import UsageError, unknown
from cartograd.core.files import write_file


@runtime_checkable
class Sink(Protocol):
    """What `fit(sinks=...)` takes besides names."""

    def write(self, record: Mapping[str, Any], /) -> None:
        """A line of `metrics.jsonl`; at the end one whose `at` is the state of the run.

        Numbers stand under their names and `step`; `at` is `step` or `epoch`, at the end
        `finished`, `interrupted`, `failed` or `closed`.
        """
        ...


ENDS = ("finished", "interrupted", "failed", "closed")
"""Words of the last record; `closed` follows each of the others."""

PACKAGES = {"tensorboard": ("tensorboard",), "mlflow": ("mlflow", "sqlalchemy", "alembic"),
            "wandb": ("wandb",)}  # fmt: skip
"""Sinks by name, which is also that of their extra, and the packages that they need."""


def checked(sinks: str | Sequence[str | Sink], folder: str | Path | None, /) -> list[str | Sink]:
    """The sinks, names first told apart at commas.

    Raises:
        UsageError: an unknown name, a package that is missing, or no folder to belong to.
    """
    found: list[str | Sink] = []
    for sink in [sinks] if isinstance(sinks, str) else sinks:
        found += [word.strip() for word in sink.split(",")] if isinstance(sink, str) else [sink]
    for sink in found:
        if isinstance(sink, str):
            _check_name(sink)
        elif not isinstance(sink, Sink):
            raise UsageError(f"{type(sink).__name__} is no sink: it has no method write(record)")
    if found and folder is None:
        raise UsageError("sinks follow the files of a run; give folder=")
    return list(dict.fromkeys(found))


def _check_name(name: str) -> None:
    if name not in PACKAGES:
        raise unknown("sink", name, PACKAGES)
    missing = [package for package in PACKAGES[name] if importlib.util.find_spec(package) is None]
    if missing:
        raise UsageError(
            f"the sink {name!r} needs {', '.join(missing)}: pip install 'cartograd[{name}]'"
        )


def opened(
    sinks: Sequence[str | Sink], folder: Path, plan: Mapping[str, Any], /
) -> "list[Guarded]":
    """The sinks of a run, those named in line with the folder's `metrics.jsonl`.

    Raises:
        UsageError: one cannot be reached or written.
    """
    made = []
    for sink in sinks:
        if not isinstance(sink, str):
            made.append(Guarded(type(sink).__name__, sink))
            continue
        try:
            given = _made(sink, folder, plan)
            for record in _kept(folder / "metrics.jsonl"):
                given.write(record)
        except UsageError:
            raise
        except Exception as error:
            raise UsageError(f"the sink {sink!r} cannot be opened: {_line(error)}") from error
        made.append(Guarded(sink, given))
    return made


def _made(name: str, folder: Path, plan: Mapping[str, Any]) -> Sink:
    """The sink of that name."""
    if name == "tensorboard":
        return TensorBoard(folder)
    return MLflow(folder, plan) if name == "mlflow" else WandB(folder, plan)


class Guarded:
    """A sink whose failure is a warning, and no reason to lose a run."""

    def __init__(self, name: str, sink: Sink) -> None:
        self.name = name
        self.sink: Sink | None = sink

    def write(self, record: Mapping[str, Any], /) -> None:
        """Pass the record on; a sink that failed is not called again."""
        if self.sink is None:
            return
        try:
            self.sink.write(record)
        except Exception as error:
            self.sink = None
            told = f"the sink {self.name!r} failed, the run goes on without it: {_line(error)}"
            warnings.warn(told, stacklevel=2)


class TensorBoard:
    """Scalars in the folder `tensorboard/` of a run: `tensorboard --logdir runs` shows them."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        place = folder / "tensorboard"
        shutil.rmtree(place, ignore_errors=True)
        self.writer = SummaryWriter(str(place), max_queue=1000, flush_secs=30)
        self.writer.flush()

    def write(self, record: Mapping[str, Any], /) -> None:
        """The numbers of a record as scalars at its step."""
        if record["at"] in ENDS:
            self.writer.close()
            return
        for name, value in numbers(record):
            self.writer.add_scalar(name, value, record["step"])
        if record["at"] == "epoch":
            self.writer.flush()


class MLflow:
    """A run in MLflow: at `$MLFLOW_TRACKING_URI`, else in `mlflow.db` beside the run folders."""

    def __init__(self, folder: Path, plan: Mapping[str, Any]) -> None:
        # A server that does not answer shall not hold up the training for minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        from mlflow.tracking import MlflowClient

        own = f"sqlite:///{(folder.parent / 'mlflow.db').resolve()}"
        self.client = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI") or own)
        known = folder / "mlflow.json"
        self.there: dict[str, set[int]] = {}
        if known.exists():
            self.run = json.loads(known.read_text(encoding="utf-8"))["run"]
            for name in self.client.get_run(self.run).data.metrics:
                points = self.client.get_metric_history(self.run, name)
                self.there[name] = {point.step for point in points}
            self.client.update_run(self.run, "RUNNING")
            return
        found = self.client.get_experiment_by_name("cartograd")
        experiment = self.client.create_experiment("cartograd") if found is None else None
        made = self.client.create_run(
            experiment or found.experiment_id,  # type: ignore[union-attr]
            run_name=folder.name,
            tags={"folder": str(folder)},
        )
        self.run = made.info.run_id
        for key, value in plan.items():
            self.client.log_param(self.run, key, str(value)[:500])
        write_file(known, json.dumps({"run": self.run}))

    def write(self, record: Mapping[str, Any], /) -> None:
        """The numbers of a record as metrics at its step, unless they are there."""
        from mlflow.entities import Metric

        if record["at"] in ENDS:
            states = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}
            if record["at"] in states:
                self.client.set_terminated(self.run, states[record["at"]])
            return
        step, now = record["step"], int(1000 * time.time())
        new = [
            Metric(name, value, now, step)
            for name, value in numbers(record)
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

    def __init__(self, folder: Path, plan: Mapping[str, Any]) -> None:
        import wandb  # pyright: ignore[reportMissingImports]

        known = folder / "wandb.json"
        found = json.loads(known.read_text(encoding="utf-8")) if known.exists() else {}
        self.last: int = found.get("last", -1)
        self.known = known
        self.run: Any = wandb.init(
            project="cartograd",
            name=folder.name,
            dir=str(folder),
            id=found.get("run"),
            resume="allow",
            config=dict(plan),
        )
        self._note()

    def _note(self) -> None:
        write_file(self.known, json.dumps({"run": self.run.id, "last": self.last}))

    def write(self, record: Mapping[str, Any], /) -> None:
        """The numbers of a record at its step, unless they were sent."""
        if record["at"] in ENDS:
            if record["at"] == "closed":
                self._note()
                self.run.finish()
            return
        place = 2 * record["step"] + (record["at"] == "epoch")  # a point and an epoch share steps
        if place > self.last:
            self.run.log(dict(numbers(record)), step=record["step"])
            self.last = place


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


def _kept(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
