"""Progress: callbacks that show how a run goes; the library itself is silent without one."""

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from cartograd.core.language import said
from cartograd.engine.logging import callbacks
from cartograd.engine.logging.view import View


def chosen(progress: Any, /) -> list[Any]:
    """The callbacks of `fit`'s argument: a bar on a terminal, else a line per epoch, or none.

    Of a list, those of each.

    Raises:
        UsageError: it is neither a truth value nor a callback.
    """
    if progress is None or progress is False:
        return []
    if isinstance(progress, list):
        return [one for given in progress for one in chosen(given)]
    if progress is True:
        return [Bar() if sys.stderr.isatty() else Lines()]
    return callbacks.checked([progress], "progress, which is True, False or a callback")


def shown(text: str, /) -> None:
    """Write to standard error; that nobody reads it any more (`| head`) is no reason to end."""
    with suppress(OSError, ValueError):
        sys.stderr.write("".join(map(said, text.splitlines(keepends=True))))
        sys.stderr.flush()


class Opening:
    """Lines on standard error before the first step: nothing was wrong, and this was decided.

    Args:
        lines: what to write.
    """

    def __init__(self, lines: Sequence[str], /) -> None:
        self.lines = lines

    def on_start(self, _: View) -> None:
        """Write them."""
        shown("".join(f"{line}\n" for line in self.lines))


class Lines:
    """A line per epoch on standard error, for logs and pipes."""

    def on_epoch(self, view: View) -> None:
        """Write the epoch's numbers."""
        record = view.records[-1]
        shown(f"epoch {record['epoch']}/{view.epochs}  {told(record)}\n")


class Bar:
    """A bar with the time left, the rate, the loss and the last validation, by rich.

    Drawn when the engine reports (at most some four times a second), without a thread.
    """

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.rich = Progress(
            TextColumn(f"{said('epoch')} {{task.fields[epoch]}}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[rate]}  {task.fields[told]}"),
            console=Console(stderr=True),
            auto_refresh=False,
            transient=True,
        )
        self.first = 0
        self.since = 0.0
        self.valid = ""

    def on_start(self, view: View) -> None:
        """Draw the bar."""
        total = view.epochs * view.batches if view.batches else None
        self.first = _done(view)
        self.task = self.rich.add_task("", total=total, epoch=f"1/{view.epochs}", rate="", told="")
        self.rich.update(self.task, completed=self.first)
        self.since = time.perf_counter()
        self.rich.start()

    def on_report(self, view: View) -> None:
        """Move the bar."""
        done = _done(view)
        rate = (done - self.first) / max(time.perf_counter() - self.since, 1e-9)
        self.rich.update(
            self.task,
            completed=done if view.batches else None,
            epoch=f"{view.epoch}/{view.epochs}",
            rate=said(f"{rate:.0f} batches/s" if rate >= 10 else f"{rate:.2g} batches/s"),
            told=f"{told(view.losses)}  {self.valid}",
        )
        self.rich.refresh()

    def on_epoch(self, view: View) -> None:
        """Print the epoch's numbers above the bar."""
        record = view.records[-1]
        self.valid = told({key: x for key, x in record.items() if key.startswith("valid/")})
        self.rich.console.print(said(f"epoch {record['epoch']}/{view.epochs}  {told(record)}"))

    def on_close(self, _: View) -> None:
        """Take the bar away."""
        self.rich.stop()


def _done(view: View) -> int:
    """Batches that are done, in all epochs."""
    return (view.epoch - 1) * (view.batches or 0) + view.batch


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
