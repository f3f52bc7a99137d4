"""Showing how a run goes; the library itself stays silent unless it is given one of these."""

import sys
import time
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from cartograd.core.errors import UsageError


@runtime_checkable
class Progress(Protocol):
    """What `fit(progress=...)` calls. Each method may return at once."""

    def start(self, epochs: int, batches: int | None, done: int, /) -> None:
        """The run begins (or goes on) when `done` batches are done; `batches` make an epoch."""
        ...

    def update(self, epoch: int, batch: int, losses: Mapping[str, float], /) -> None:
        """Some steps were taken; called a few times a second at most."""
        ...

    def epoch(self, record: Mapping[str, Any], /) -> None:
        """An epoch ended; the record is that of `Run.history`."""
        ...

    def close(self) -> None:
        """The run is over, for whatever reason."""
        ...


def chosen(progress: "Progress | bool | None", /) -> "Progress":
    """The progress display for `fit`'s argument: a bar on a terminal, else lines, or nothing.

    Raises:
        UsageError: it is neither a truth value nor a `Progress`.
    """
    if not progress:
        return Silent()
    if progress is True:
        return Bar() if sys.stderr.isatty() else Lines()
    if not all(callable(getattr(progress, name, None)) for name in ("start", "update", "epoch")):
        raise UsageError("progress is True, False or an object with start, update, epoch, close")
    return progress


class Silent:
    """Shows nothing."""

    def start(self, epochs: int, batches: int | None, done: int, /) -> None:
        """Nothing."""

    def update(self, epoch: int, batch: int, losses: Mapping[str, float], /) -> None:
        """Nothing."""

    def epoch(self, record: Mapping[str, Any], /) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Lines:
    """A line per epoch on standard error, for logs and pipes."""

    def __init__(self) -> None:
        self.epochs = 0

    def start(self, epochs: int, _batches: int | None, _done: int, /) -> None:
        """Remember how many epochs there are."""
        self.epochs = epochs

    def update(self, epoch: int, batch: int, losses: Mapping[str, float], /) -> None:
        """Nothing between epochs."""

    def epoch(self, record: Mapping[str, Any], /) -> None:
        """Write the epoch's numbers."""
        sys.stderr.write(f"epoch {record['epoch']}/{self.epochs}  {told(record)}\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Nothing to close."""


class Bar:
    """A bar with the time left, the rate, the loss and the last validation, by rich.

    Drawn when the engine reports (at most some four times a second), without a thread.
    """

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self.rich = RichProgress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[rate]}  {task.fields[told]}"),
            console=Console(stderr=True),
            auto_refresh=False,
            transient=True,
        )
        self.per_epoch = 0
        self.done = 0
        self.since = 0.0
        self.valid = ""

    def start(self, epochs: int, batches: int | None, done: int, /) -> None:
        """Draw the bar."""
        self.epochs, self.per_epoch = epochs, batches or 0
        total = epochs * batches if batches else None
        self.first = done
        self.task = self.rich.add_task("", total=total, epoch=f"1/{epochs}", rate="", told="")
        self.rich.update(self.task, completed=self.first)
        self.since = time.perf_counter()
        self.rich.start()

    def update(self, epoch: int, batch: int, losses: Mapping[str, float], /) -> None:
        """Move the bar."""
        done = epoch * self.per_epoch + batch
        rate = (done - self.first) / max(time.perf_counter() - self.since, 1e-9)
        self.rich.update(
            self.task,
            completed=done if self.per_epoch else None,
            epoch=f"{epoch + 1}/{self.epochs}",
            rate=f"{rate:.0f} batches/s" if rate >= 10 else f"{rate:.2g} batches/s",
            told=f"{told(losses)}  {self.valid}",
        )
        self.rich.refresh()

    def epoch(self, record: Mapping[str, Any], /) -> None:
        """Print the epoch's numbers above the bar."""
        self.valid = told({key: x for key, x in record.items() if key.startswith("valid/")})
        self.rich.console.print(f"epoch {record['epoch']}/{self.epochs}  {told(record)}")

    def close(self) -> None:
        """Remove the bar."""
        self.rich.stop()


def told(record: Mapping[str, Any], /) -> str:
    """The numbers of a record in a line.

    >>> told({"epoch": 2, "step": 10, "train/loss": 0.51234, "seconds": 1.26})
    'train/loss 0.5123  1.3 s'
    """
    parts = [
        f"{key} {value:.4g}"
        for key, value in record.items()
        if key not in ("epoch", "step", "seconds") and isinstance(value, float)
    ]
    if "seconds" in record:
        parts.append(f"{record['seconds']:.1f} s")
    return "  ".join(parts)
