"""Recovery from a loss or gradient that is not finite: report, skip the step, or roll back."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from cartograd.engine.checkpoint.manager import CheckpointManager
from cartograd.engine.device.device import autocast
from cartograd.engine.device.randomness import TRAINING, seeder, set_others
from cartograd.engine.distributed.process_group import ProcessGroup
from cartograd.engine.logging.metric_logger import MetricLogger, NonFiniteError
from cartograd.engine.loop.announcer import Announcer
from cartograd.engine.loop.config import RunConfig
from cartograd.engine.loop.nonfinite import first_bad
from cartograd.engine.loop.policy import Policy
from cartograd.engine.loop.probe import unnoticed
from cartograd.engine.loop.run_state import State
from cartograd.engine.optim.player import Player, rates

TOLD = 3
"""How many skipped batches are run again to find the cause; all are recorded."""
IN_A_ROW = 50
"""Steps skipped one after the other after which the run fails."""


@runtime_checkable
class Recoverable(Protocol):
    """The parts of a run that recovery reads and restores."""

    objective: Any
    players: dict[str, Player]
    device: torch.device
    config: RunConfig
    logger: MetricLogger
    manager: CheckpointManager | None
    announcer: Announcer
    processes: ProcessGroup
    folder: Path | None

    @property
    def state(self) -> State:
        """Where the run is."""
        ...

    def resume(self) -> None:
        """Go back to the newest checkpoint."""
        ...

    def event(self, kind: str, **details: Any) -> None:
        """Add a line to the run's events."""
        ...


class Recovery:
    """The non-finite policy of a run.

    Args:
        policy: what to do.
    """

    def __init__(self, policy: Policy = Policy(), /) -> None:  # noqa: B008  it is frozen
        self.policy = policy
        self.told = self.in_a_row = 0
        self.before = -1
        self.last: tuple[int, int, int, Sequence[Any]] = (0, 0, 0, ())
        self.places: dict[int, tuple[int, int]] = {}

    def begin(self, step: int, epoch: int, batch: int, group: Sequence[Any], /) -> None:
        """Remember the batches of the step that comes next."""
        self.last = step, epoch, batch, group
        self.places[step] = epoch, batch
        if len(self.places) > 8192:
            self.places = {key: self.places[key] for key in list(self.places)[4096:]}

    def leaves_out(self, state: State, players: Mapping[str, Player], batches: int, /) -> bool:
        """After a rollback: whether to skip these batches; also sets the lowered learning rate."""
        for player in players.values():
            player.slowed = 0.5**state.rollbacks if state.step <= state.slow_until else 1.0
        if [state.epoch, state.batch] not in state.left_out:
            return False
        state.batch += batches
        return True

    def where(self, loop: Recoverable, step: int, /) -> str:
        """A message with the epoch and batch of a step and the first module that is not finite."""
        number, epoch, batch, group = self.last
        if number != step or not group:  # a GPU tells a loss some steps later
            epoch, batch = self.places.get(step, (loop.state.epoch, None))
            return f"epoch {epoch + 1}" + ("" if batch is None else f", batch {batch + 1}")
        until = f"-{batch + len(group)}" if len(group) > 1 else ""
        place = f"epoch {epoch + 1}, batch {batch + 1}{until}"
        found = self._first(loop, step, group)
        return place + (f"; first in {found}" if found else "")

    def _first(self, loop: Recoverable, step: int, group: Sequence[Any]) -> str | None:
        players = {name: player.module for name, player in loop.players.items()}
        reseed = seeder(loop.device, loop.config.seed, TRAINING, others=True)

        def losses(batch: Any) -> Any:
            precision = "float32" if loop.config.precision == "auto" else loop.config.precision
            with autocast(precision, loop.device):
                for loss in loop.objective.losses(batch):
                    yield loss.value

        with unnoticed(loop.objective):
            reseed(step - 1)
            for batch in group:
                items = batch.values() if isinstance(batch, dict) else batch
                tensors = [item for item in items if isinstance(item, Tensor)]
                try:
                    found = first_bad(players, lambda: losses(batch), tensors)  # noqa: B023
                except RuntimeError:  # what the run did between the losses is not repeated
                    return None
                if found:
                    return found
        return None

    def skipped(self, loop: Recoverable, messages: list[str], /) -> None:
        """Record a step that was skipped.

        Raises:
            NonFiniteError: too many steps in a row were skipped.
        """
        step, epoch, batch, _ = self.last
        self.in_a_row = self.in_a_row + 1 if self.before == step - 1 else 1
        self.before = step
        loop.state.skipped += 1
        if self.in_a_row >= IN_A_ROW:
            told = f"{messages[0]}, and the {IN_A_ROW - 1} steps before it were skipped too"
            raise NonFiniteError(told, step)
        self.told += 1
        why = self.where(loop, step) if self.told <= TOLD else ""
        loop.event("skipped", step=step, epoch=epoch + 1, batch=batch + 1, error=messages[0],
                    where=why)  # fmt: skip
        messages.clear()

    def after(self, loop: Recoverable, error: NonFiniteError, /) -> None:
        """Go back to the newest good checkpoint, or say what happened.

        Raises:
            NonFiniteError: the policy is not to go back, or it has done so `tries` times.
        """
        state, manager = loop.state, loop.manager
        newest = None if manager is None else manager.newest()
        where = self.where(loop, error.step)
        tried = state.rollbacks
        if self.policy.kind != "rollback" or tried >= self.policy.tries or newest is None:
            raise self._advised(loop, error, where, newest) from error
        place = self.places.get(error.step, self.last[1:3])
        left_out = [*state.left_out, list(place)]
        loop.logger.clear()
        for player in loop.players.values():
            player.drop()
        loop.resume()
        state = loop.state
        state.left_out, state.rollbacks = left_out, tried + 1
        state.slow_until = error.step + self.policy.steps
        if state.others:
            set_others(state.others)
        loop.event("rolled back", step=error.step, to=state.step, error=str(error), where=where)

    def _advised(
        self, loop: Recoverable, error: NonFiniteError, where: str, newest: int | None
    ) -> NonFiniteError:
        """The error with the place where it began and how to mend it."""
        if loop.processes.size == 1:  # the losses up to here are what a diagnosis reads
            with suppress(NonFiniteError):
                loop.logger.end_epoch()
            loop.announcer.report({})
        known = rates(loop.players)
        told = ", ".join(f"{name} {rate:g}" for name, rate in known.items())
        loop.event("failed", step=error.step, error=str(error), where=where, **known)
        message = (
            f"{error} ({where}) at {told}; lower the learning rate, shorten the gradient "
            "(clip=1.0), or look for such numbers in the data"
        )
        if loop.folder is not None:
            message += f"; `cartograd diagnose {loop.folder}` says more"
        if loop.state.rollbacks:
            message += f"; went back {loop.state.rollbacks} times"
        if newest is not None:
            message += f"; the newest checkpoint is that of step {newest}"
        return NonFiniteError(message, error.step)


class Buffers:
    """A copy of all running statistics from before a step, to put back if it is skipped."""

    def __init__(self, modules: Sequence[Any], /) -> None:
        parts = [module for module in modules if isinstance(module, nn.Module)]
        self.live = list({id(b): b for module in parts for b in module.buffers()}.values())
        self.kept = [buffer.clone() for buffer in self.live]

    @torch.no_grad()
    def keep(self) -> None:
        """Copy the current values."""
        for kept, live in zip(self.kept, self.live, strict=True):
            kept.copy_(live)

    @torch.no_grad()
    def restore(self) -> None:
        """Restore them."""
        for kept, live in zip(self.kept, self.live, strict=True):
            live.copy_(kept)
