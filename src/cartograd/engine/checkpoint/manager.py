"""The checkpoint manager: when to save, what to keep, how to load; it sees state dicts only."""

import time
import warnings
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from cartograd.core.errors import UsageError
from cartograd.engine.checkpoint import storage
from cartograd.engine.checkpoint.background import Background
from cartograd.engine.checkpoint.retention import NEWEST, Retention
from cartograd.engine.distributed.null_run_folder import NullRunFolder
from cartograd.engine.distributed.process_group import ProcessGroup, SingleProcess
from cartograd.engine.logging.run_folder import RunFolder

SAVE_SECONDS = 30.0
"""At least this long between checkpoints ..."""
SAVE_SHARE = 0.01
"""... and so long that they take at most this share of the time."""


class CheckpointManager:
    """Writes and reads the checkpoints of a run.

    Args:
        folder: of the run.
        save_every: steps between checkpoints; None for as often as costs little.
        keep: which of them stay.
        exact: refuse to go on where it cannot be bit for bit.
        processes: the processes of the run, of which the lead writes.
    """

    def __init__(
        self,
        folder: RunFolder | NullRunFolder,
        *,
        save_every: int | None = None,
        keep: Retention = NEWEST,
        exact: bool = True,
        processes: ProcessGroup | None = None,
    ) -> None:
        self.processes = processes or SingleProcess()
        self.folder = folder
        self.save_every = save_every
        self.keep = keep
        self.exact = exact
        self._saved_at = time.perf_counter()
        self._pause = SAVE_SECONDS
        self._saved_step = -1
        self._background = Background()
        self._taken: storage.Snapshot | None = None

    def has(self, step: int) -> bool:
        """Whether this step was saved already; what came after it follows from it."""
        return step == self._saved_step

    def due(self, step: int, now: float) -> bool:
        """Whether it is time for a checkpoint."""
        if self.has(step):
            return False
        if self.keep.every and step % self.keep.every == 0:
            return True
        if self.save_every is not None:
            return step % self.save_every == 0
        return now - self._saved_at > self._pause

    def keeps(self, step: int, ranked: Sequence[int]) -> bool:
        """Whether the epoch that ended at this step is one of the best, to be kept."""
        return step in ranked[: self.keep.best]

    def save(self, step: int, parts: Mapping[str, Any], ranked: Sequence[int]) -> None:
        """Save a checkpoint of the present state, between two steps.

        The training waits while its tensors are copied, and for an earlier checkpoint that is still
        being written; hashing and writing go on beside it until `join`.

        Args:
            step: steps taken.
            parts: state dicts by name.
            ranked: the steps at which epochs ended, the best first.

        Raises:
            UsageError: the earlier one could not be written; those before it are as they were.
        """
        self.join()
        began = time.perf_counter()
        parts = {**parts, "metrics_size": self.folder.metrics_size()}
        protect = ranked[: self.keep.best]
        if self.processes.sharded:  # each process writes its own pieces, and waits for the others
            from cartograd.engine.checkpoint import sharded

            path = sharded.save(self.folder.checkpoints, step, parts, self.processes)
            self._written(path, step, protect, began)
        elif self.processes.lead:
            self._taken = storage.snapshot(step, parts, still=("best",), reuse=self._taken)
            self._background.start(partial(self._write, self._taken, protect, began))
        self._saved_at, self._saved_step = time.perf_counter(), step

    def join(self) -> None:
        """Wait for the checkpoint that is being written.

        Raises:
            UsageError: it cannot be; the older ones are as they were.
        """
        self._background.join()

    def close(self) -> None:
        """Wait for the checkpoint that is being written, however that ends; close the folder."""
        self._background.wait()
        self.folder.close()

    def newest(self) -> int | None:
        """The step of the newest checkpoint."""
        self._background.wait()
        saved = storage.steps(self.folder.checkpoints)
        return saved[-1] if saved else None

    def _write(self, taken: storage.Snapshot, protect: Collection[int], began: float) -> None:
        """What is done in the background."""
        self.folder.sync_metrics()
        path = storage.write(self.folder.checkpoints, taken)
        self._written(path, taken.step, protect, began)

    def _written(self, path: Path, step: int, protect: Collection[int], began: float) -> None:
        """What follows a checkpoint."""
        if self.processes.lead:
            storage.prune(
                self.folder.checkpoints, keep=self.keep.last, every=self.keep.every, protect=protect
            )
        self.folder.event("checkpoint", step=step, path=f"checkpoints/{path.name}")
        self._pause = max(SAVE_SECONDS, (time.perf_counter() - began) / SAVE_SHARE)

    def load(self) -> tuple[dict[str, Any], str] | None:
        """The state dicts of the newest good checkpoint and where they are from; None if none is.

        Raises:
            UsageError: all are damaged, or another torch wrote it.
        """
        checkpoint = storage.load(self.folder.checkpoints)
        if checkpoint is None:
            self.folder.cut_metrics(0)
            return None
        self._check_torch(checkpoint.torch, str(checkpoint.path))
        return checkpoint.parts, str(checkpoint.path)

    def loaded(self, step: int, parts: Mapping[str, Any]) -> None:
        """Note that the run goes on from these state dicts.

        Raises:
            UsageError: they do not say how long the history was.
        """
        size = parts.get("metrics_size")
        if not isinstance(size, int) or size < 0:
            raise UsageError(
                f"{self.folder.path}: the checkpoint is damaged: metrics_size is {size!r:.40}; "
                "expected a number of bytes"
            )
        self.folder.cut_metrics(size)
        self._saved_step = step

    def _check_torch(self, before: str, origin: str) -> None:
        """Refuse another torch, whose rounding and random numbers differ, if `exact`."""
        old, new = (version.partition("+")[0] for version in (before, torch.__version__))
        if old == new:
            return
        told = f"{origin} was written under torch {old} and this is {new}, so the run"
        if self.exact:
            raise UsageError(
                f"{told} would not go on bit for bit; install torch {old}, or go on all the same "
                "with exact=False"
            )
        warnings.warn(f"{told} does not go on bit for bit", stacklevel=2)
