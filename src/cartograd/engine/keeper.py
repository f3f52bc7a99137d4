"""What of a run is kept, when, and how to go back to it."""

import math
import time
import warnings
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from cartograd.core.errors import UsageError
from cartograd.engine import checkpoint
from cartograd.engine.background import Background
from cartograd.engine.choices import opened
from cartograd.engine.distributed.follow import Unwritten
from cartograd.engine.distributed.team import Alone, Crew
from cartograd.engine.ledger import Ledger, NonFiniteError
from cartograd.engine.player import Player
from cartograd.engine.randomness import others
from cartograd.engine.retention import NEWEST, Keep
from cartograd.engine.runs import RunFolder
from cartograd.engine.weights import Weights

SAVE_SECONDS = 30.0
"""At least this long between checkpoints ..."""
SAVE_SHARE = 0.01
"""... and so long that they take at most this share of the time."""


@dataclass
class State:
    """Where a run is. With the tensors of objective and optimizers it determines all that follows.

    Attributes:
        epoch, batch: the next batch is number `batch` of epoch `epoch` (both from 0).
        step: steps taken.
        seconds: time spent in this epoch.
        waited: epochs since the best one.
        best: the record of the best epoch.
        ranked: the steps at which epochs ended, the best first.
        history: a record per epoch.
        stopped: why the run ended before its last epoch.
        others: the states of random generators that are not set at each step.
        left_out: epoch and batch of what is left out after going back to a checkpoint.
        rollbacks: how often that was; the learning rate is halved each time ...
        slow_until: ... up to this step.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    waited: int = 0
    best: dict[str, Any] = field(default_factory=dict)
    ranked: list[int] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    stopped: str | None = None
    others: dict[str, Any] = field(default_factory=dict)
    left_out: list[list[int]] = field(default_factory=list)
    rollbacks: int = 0
    slow_until: int = 0


class Keeper:
    """Writes and reads the checkpoints of a run.

    Args:
        folder: of the run.
        plan: the options under which a resumed run has to go on.
        save_every: steps between checkpoints; None for as often as costs little.
        keep: which of them stay.
        exact: refuse to go on where it cannot be bit for bit.
        team: the processes of the run, of which the lead writes.
    """

    def __init__(
        self,
        folder: RunFolder | Unwritten,
        plan: dict[str, Any],
        *,
        save_every: int | None = None,
        keep: Keep = NEWEST,
        exact: bool = True,
        team: Crew | None = None,
    ) -> None:
        self.team = team or Alone()
        self.folder = folder
        self.plan = plan
        self.save_every = save_every
        self.keep = keep
        self.exact = exact
        self._saved_at = time.perf_counter()
        self._pause = SAVE_SECONDS
        self._saved_step = -1
        self._background = Background()
        self._taken: checkpoint.Snapshot | None = None

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

    def keeps(self, state: State) -> bool:
        """Whether the epoch that has just ended is one of the best, to be kept."""
        return state.step in state.ranked[: self.keep.best]

    def save(
        self,
        state: State,
        weights: Weights,
        best: dict[str, Any],
        players: Mapping[str, Player],
        ledger: Ledger,
    ) -> None:
        """Take a checkpoint of this very moment, which is between two steps.

        The training waits while its tensors are copied, and for an earlier checkpoint that is still
        being written; hashing and writing go on beside it until `join`.

        Raises:
            NonFiniteError: a weight is not finite.
            UsageError: the earlier one could not be written; those before it are as they were.
        """
        self.join()
        began = time.perf_counter()
        _check_finite(players, state.step, self.team)
        state.others = others()
        parts = {
            "objective": weights.state(),
            "optimizer": {name: p.optimizer.state_dict() for name, p in players.items()},
            "average": {
                name: {str(place): tensor for place, tensor in enumerate(p.average.mean)}
                for name, p in players.items()
                if p.average is not None
            },
            "best": best,
            "state": asdict(state),
            "ledger": ledger.state(),
            "plan": dict(self.plan),
            "metrics_size": self.folder.metrics_size(),
        }
        protect = state.ranked[: self.keep.best]
        if self.team.sharded:  # each process writes its own pieces, and waits for the others
            from cartograd.engine import sharded

            path = sharded.save(self.folder.checkpoints, state.step, parts, self.team)
            self._written(path, state.step, protect, began)
        elif self.team.lead:
            self._taken = checkpoint.snapshot(state.step, parts, still=("best",), reuse=self._taken)
            self._background.start(partial(self._write, self._taken, protect, began))
        self._saved_at, self._saved_step = time.perf_counter(), state.step

    def join(self) -> None:
        """Wait for the checkpoint that is being written.

        Raises:
            UsageError: it cannot be; the older ones are as they were.
        """
        self._background.join()

    def close(self) -> None:
        """Wait for the checkpoint that is being written, however that ends; give the folder up."""
        self._background.wait()
        self.folder.close()

    def newest(self) -> int | None:
        """The step of the newest checkpoint."""
        self._background.wait()
        found = checkpoint.steps(self.folder.checkpoints)
        return found[-1] if found else None

    def _write(self, taken: checkpoint.Snapshot, protect: Collection[int], began: float) -> None:
        """What is done in the background."""
        self.folder.sync_metrics()
        path = checkpoint.write(self.folder.checkpoints, taken)
        self._written(path, taken.step, protect, began)

    def _written(self, path: Path, step: int, protect: Collection[int], began: float) -> None:
        """What follows a checkpoint."""
        if self.team.lead:
            checkpoint.prune(
                self.folder.checkpoints, keep=self.keep.last, every=self.keep.every, protect=protect
            )
        self.folder.event("checkpoint", step=step, path=f"checkpoints/{path.name}")
        self._pause = max(SAVE_SECONDS, (time.perf_counter() - began) / SAVE_SHARE)

    def load(
        self, weights: Weights, players: Mapping[str, Player], ledger: Ledger
    ) -> tuple[State, dict[str, Any]] | None:
        """Go back to the newest good checkpoint: its state and the best weights, or None.

        Raises:
            UsageError: it is of another model, or of a run with other options, or all are damaged.
        """
        found = checkpoint.load(self.folder.checkpoints)
        if found is None:
            self.folder.cut_metrics(0)
            return None
        origin, parts = str(found.path), found.parts
        self._check_torch(found.torch, origin)
        state = State(**parts["state"])
        self._check_plan(opened(self.plan, parts["plan"]), state, origin)
        weights.load(parts["objective"], origin)
        for name, player in players.items():
            player.load(parts["optimizer"][name])
            player.align()
            if player.average is not None:
                player.average.load(parts["average"][name].values())
        ledger.load(parts["ledger"])
        self.folder.cut_metrics(parts["metrics_size"])
        self._saved_step = state.step
        return state, parts["best"]

    def _check_torch(self, before: str, origin: str) -> None:
        """Another torch rounds and draws as it likes: it cannot go on bit for bit."""
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

    def _check_plan(self, before: Mapping[str, Any], state: State, origin: str) -> None:
        """Refuse to go on with options under which the run would not be the same."""
        for key, value in self.plan.items():
            longer = key == "epochs" and not self._bound() and value >= state.epoch
            if before.get(key) != value and not longer:
                raise UsageError(
                    f"{origin} was written with {key}={before.get(key)!r} and this run has "
                    f"{key}={value!r}; resume with the same, or start a new run"
                )

    def _bound(self) -> bool:
        """Whether the run would have gone otherwise, had it been meant to be longer."""
        tail = str(self.plan.get("average") or "").startswith("tail")
        return bool(self.plan["schedules"]) or tail


def _check_finite(players: Mapping[str, Player], step: int, team: Crew) -> None:
    """A checkpoint of broken weights would take the place of a good one."""
    sums = [p.detach().sum().double() for player in players.values() for p in player.params]
    total = float(team.whole(torch.stack(sums).sum()))
    if not math.isfinite(total):
        raise NonFiniteError(f"a weight became infinite or not a number by step {step}", step)
