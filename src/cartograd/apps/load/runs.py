"""Run folders looked at from outside: what there is, how each ended, and where its time went."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cartograd.apps.answers import units
from cartograd.core.errors import UsageError
from cartograd.core.locks import FolderLock
from cartograd.engine.logging.run_folder import is_run, read_config, read_lines
from cartograd.engine.loop.monitored import monitored

if TYPE_CHECKING:
    from cartograd.engine.loop.fit import Run

ENDS = ("finished", "interrupted", "failed")

SAMPLES = "samples"
"""The folder of a run for the pictures that a generative model drew while it learned."""


@dataclass(frozen=True)
class Speed:
    """Where a run's time went; empty where its events do not say.

    Attributes:
        phases: seconds by phase, over all epochs.
        examples: that were trained on.
        per_second: examples a second, without validation and saving.
        each: those of the slowest and of the fastest epoch, where there are several.
        memory: the most bytes that the process held.
        flops: operations of a step for one example.
        reached: operations a second, in the three parts of a step.
        peak: operations a second of the machine at best, in the same number format.
    """

    phases: dict[str, float] = field(default_factory=dict)
    examples: int = 0
    per_second: float | None = None
    each: tuple[float, float] | None = None
    memory: int | None = None
    flops: float | None = None
    reached: float | None = None
    peak: float | None = None

    @property
    def rate(self) -> str:
        """Examples a second with their spread, in words; empty where they are not known."""
        if not self.per_second:
            return ""
        told = f"{units.number(self.per_second)} examples a second in training"
        if self.each is None:
            return f"{told}, in one epoch"
        low, high = map(units.number, self.each)
        return f"{told} ({low} to {high} in single epochs)"

    @property
    def share(self) -> float | None:
        """Of the machine's peak."""
        return self.reached / self.peak if self.reached and self.peak else None


@dataclass(frozen=True)
class Look:
    """A run as it lies there.

    Attributes:
        folder: of the run.
        settings: its configuration.
        history: a record per epoch.
        state: `finished`, `early` (stopped as nothing improved), `interrupted`, `failed`,
            `running` (a process holds the folder) or `broken off`.
        error: what a failed run said.
        seconds: of all its epochs.
        speed: where the time went.
    """

    folder: Path
    settings: dict[str, Any]
    history: list[dict[str, Any]]
    state: str
    error: str
    seconds: float
    speed: Speed

    @property
    def best(self) -> dict[str, Any]:
        """The record of the best epoch by its own monitor, the last one if there is none."""
        said = str(self.settings.get("monitor") or "valid/loss")
        try:
            watched = monitored(said, validates=True, patience=None, min_delta=0.0)
        except UsageError:  # of a time when what no list named was taken to rise
            watched = monitored(f"max:{said}", validates=True, patience=None, min_delta=0.0)
        known = [record for record in self.history if isinstance(record.get(watched.name), float)]
        if not known:
            return self.history[-1] if self.history else {}
        return (min if watched.falls else max)(known, key=lambda record: record[watched.name])

    @property
    def figure(self) -> tuple[str, float] | None:
        """The first validation metric of the best epoch, its loss if there is none."""
        best = self.best
        names = [key for key in best if key.startswith("valid/") and not key.endswith("/loss")]
        for name in (*names, "valid/loss", "train/loss"):
            if isinstance(best.get(name), float):
                return name, best[name]
        return None


def figure_of(run: Look, /) -> str:
    """The first metric of the best epoch, in words; empty without an epoch."""
    if run.figure is None:
        return ""
    name, value = run.figure
    shown = units.metric(name.partition("/")[2], value)
    return f"{name} {shown} (epoch {run.best.get('epoch', '?')})"


def look(run: "Run | str | Path", /) -> Look:
    """Read a run folder.

    Raises:
        UsageError: it holds no run, or a file of it is damaged.
    """
    place = run if isinstance(run, str | Path) else run.folder
    if place is None:
        raise UsageError("the run has no folder; give one when it is trained: folder=")
    folder = Path(place)
    check_run(folder)
    events = read_lines(folder / "events.jsonl")
    settings = read_config(folder)[0] if (folder / "config.toml").exists() else {}
    history = history_of(folder, events)
    state, error = _state(folder, events)
    return Look(
        folder, settings, history, state, error,
        sum(record.get("seconds", 0.0) for record in history), speed_of(events),
    )  # fmt: skip


def check_run(folder: Path, /) -> None:
    """Refuse a folder that is no run's.

    Raises:
        UsageError: it holds no run.
    """
    if not folder.is_dir() or not is_run(folder):
        raise UsageError(f"{folder} holds no run; `cartograd runs list` shows those that there are")


def listed(root: str | Path = "runs", /) -> list[Look | tuple[Path, str]]:
    """Every run below a folder, oldest first; a damaged one comes with what is wrong with it.

    Raises:
        UsageError: there is no such folder.
    """
    root = Path(root)
    if not root.is_dir():
        raise UsageError(f"there is no folder {root}; `cartograd train` makes runs in ./runs")
    folders = [path for path in (root, *root.iterdir()) if path.is_dir() and is_run(path)]
    found: list[Look | tuple[Path, str]] = []
    for folder in sorted(folders, key=lambda path: _began(path)):
        try:
            found.append(look(folder))
        except UsageError as error:
            found.append((folder, str(error)))
    return found


def history_of(folder: Path, events: list[dict[str, Any]], /) -> list[dict[str, Any]]:
    """The epochs' records, with the seconds that only the events know."""
    seconds = {event["epoch"]: event["seconds"] for event in events if event["event"] == "epoch"}
    records = {
        line["epoch"]: line
        for line in read_lines(folder / "metrics.jsonl")
        if line.get("at") == "epoch"
    }
    return [
        {key: value for key, value in record.items() if key != "at"}
        | ({"seconds": seconds[epoch]} if epoch in seconds else {})
        for epoch, record in sorted(records.items())
    ]


def speed_of(events: list[dict[str, Any]], /) -> Speed:
    """Where a run's time went, from its events; an epoch that was done again counts once."""
    epochs = {e["epoch"]: e for e in events if e["event"] == "epoch" and "phases" in e}
    if not epochs:
        return Speed()
    phases: dict[str, float] = {}
    for event in epochs.values():
        for phase, seconds in event["phases"].items():
            phases[phase] = phases.get(phase, 0.0) + seconds
    examples = sum(event["examples"] for event in epochs.values())
    training = _training(phases)
    each = [
        event["examples"] / seconds
        for event in epochs.values()
        if (seconds := _training(event["phases"]))
    ]
    known = [event["peak_memory"] for event in epochs.values() if event.get("peak_memory")]
    counted: Mapping[str, Any] = next((e for e in reversed(events) if e["event"] == "speed"), {})
    return Speed(
        phases=phases,
        examples=examples,
        per_second=examples / training if training else None,
        each=(min(each), max(each)) if len(each) > 1 else None,
        memory=max(known, default=None),
        **{key: counted[key] for key in ("flops", "reached", "peak") if key in counted},
    )


def _training(phases: Mapping[str, float]) -> float:
    """The seconds that were spent in training."""
    return sum(v for k, v in phases.items() if k not in ("validation", "saving"))


def _state(folder: Path, events: list[dict[str, Any]]) -> tuple[str, str]:
    last = next(
        (e for e in reversed(events) if e["event"] in (*ENDS, "started", "resumed")), {"event": ""}
    )
    if last["event"] == "finished":
        return last.get("stopped") or "finished", ""
    if last["event"] in ENDS:
        return last["event"], _failure(last)
    try:
        FolderLock(folder, marked=True).close()
    except UsageError:
        return "running", ""
    except OSError:
        pass  # a folder that may only be read
    return "broken off", ""


def _failure(event: Mapping[str, Any]) -> str:
    """What a failed run said, with the place and the learning rate."""
    where = f" ({event['where']})" if event.get("where") else ""
    rates = [f"{k} {v:g}" for k, v in event.items() if k == "lr" or k.startswith("lr/")]
    return f"{event.get('error', '')}{where}" + (f" at {', '.join(rates)}" if rates else "")


def _began(folder: Path) -> float:
    try:
        events = read_lines(folder / "events.jsonl")
    except UsageError:
        return 0.0
    return events[0]["time"] if events else 0.0


def grids_of(run: Path, /) -> list[Path]:
    """The pictures that a model drew while it learned, a grid for some of the epochs, in order."""
    return sorted((run / SAMPLES).glob("epoch-*.png"))
