"""Tells the callbacks what happens in a run, and the run what they ask."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from cartograd.engine.logging.view import View
from cartograd.engine.loop.run_state import RunState


class Announcer:
    """The one place from which callbacks are called.

    Args:
        run: whose callbacks.
        model: that they are shown.
        folder: the run folder, if there is one.
    """

    def __init__(self, run: RunState, model: nn.Module | None, folder: Path | None, /) -> None:
        self.run = run
        self.view = View(
            model,
            run.players,
            epochs=run.config.epochs,
            batches=run.config.batches,
            folder=folder,
            config=run.config.state_dict(),
            rank=run.processes.rank,
            size=run.processes.size,
        )
        self.heard: set[str] = set()

    @contextmanager
    def attached(self) -> Iterator[None]:
        """The callbacks are started now, and closed however the run ends."""
        self.heard = self.run.processes.union(self.run.callbacks.heard)
        self._place()
        with self.run.callbacks.attached(self.view):
            try:
                yield
            finally:
                self._place()

    def tell(self, moment: str, /) -> None:
        """Call the callbacks; what one of them asks for in one process, all processes do.

        Where none has the method, in no process, this costs nothing.
        """
        if moment not in self.heard:
            return
        self._place()
        self.run.callbacks.call(moment, self.view)
        if self.run.processes.any(self.view.stopped) and self.run.at.stopped is None:
            self.run.at.stopped = "callback"

    def report(self, means: Mapping[str, float], /, *lines: Mapping[str, Any]) -> None:
        """Losses were read: show their means, and give out new lines of `metrics.jsonl`."""
        given = [*self.run.logger.lines(), *lines]
        if means or given:
            self.view.losses = {f"train/{name}": value for name, value in means.items()}
            self.view.lines = given
            self.tell("on_report")

    def _place(self) -> None:
        """Show where the run is."""
        view, at = self.view, self.run.at
        view.records, view.step, view.epoch, view.batch = (
            at.history, at.step, at.epoch + 1, at.batch,
        )  # fmt: skip
