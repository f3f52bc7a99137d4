"""The state of a run: where it is, and the tensors of all that is trained, as one state dict."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from cartograd.core.errors import UsageError, first_line, unknown
from cartograd.core.fits import check_fields
from cartograd.engine.checkpoint.state import Weights
from cartograd.engine.device.randomness import aside, others, set_others
from cartograd.engine.distributed.process_group import ProcessGroup
from cartograd.engine.files.tensor_files import copied
from cartograd.engine.logging.callbacks import Callbacks
from cartograd.engine.logging.metric_logger import MetricLogger, NonFiniteError
from cartograd.engine.loop.attributes import Attributes
from cartograd.engine.loop.circumstances import Circumstances
from cartograd.engine.loop.config import RunConfig
from cartograd.engine.loop.longer import check_longer
from cartograd.engine.loop.monitor import Monitor
from cartograd.engine.optim.average import averaged
from cartograd.engine.optim.player import Player


@dataclass
class State:
    """The position of a run; with all tensors it determines everything that follows.

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
        rollbacks: how often the run went back; the learning rate is halved each time ...
        slow_until: ... up to this step.
        skipped: steps at which nothing was learned: what is not finite was left out.
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
    skipped: int = 0


@dataclass
class RunState:
    """All that a checkpoint holds of a run.

    Attributes:
        config: what a resumed run has to have in common with this one.
        weights: of the objective and the players.
        players: with their optimizers and averages.
        logger: running sums of the losses.
        processes: the processes of the run.
        callbacks: of the user, with what they have changed.
        circumstances: what else its result depends on, where checkpoints are kept.
        attributes: what of the objective no state dict holds, where checkpoints are kept.
        at: where the run is.
        best_weights: those of the best epoch, where they are not the present ones.
    """

    config: RunConfig
    weights: Weights
    players: Mapping[str, Player]
    logger: MetricLogger
    processes: ProcessGroup
    callbacks: Callbacks
    circumstances: Circumstances | None = None
    attributes: Attributes | None = None
    at: State = field(default_factory=State)
    best_weights: dict[str, Any] = field(default_factory=dict)

    def state_dict(self, best: dict[str, Any], /) -> dict[str, Any]:
        """Tensors in use and plain values.

        Args:
            best: the best weights to keep; none where they are the present ones.

        Raises:
            NonFiniteError: a weight is not finite.
        """
        self._check_finite()
        self.at.others = others()
        return {
            "objective": self.weights.state(),
            "optimizer": {name: p.optimizer.state_dict() for name, p in self.players.items()},
            "average": {
                name: {str(place): tensor for place, tensor in enumerate(p.average.mean)}
                for name, p in self.players.items()
                if p.average is not None
            },
            "scaler": {
                name: player.scaler.state_dict()
                for name, player in self.players.items()
                if player.scaler is not None
            },
            "best": best,
            "state": asdict(self.at),
            "ledger": self.logger.state(),
            "plan": self.config.state_dict(),
            "callbacks": self.callbacks.state_dict(),
            "circumstances": {} if self.circumstances is None else self.circumstances.state_dict(),
            "attributes": {} if self.attributes is None else self.attributes.state_dict(),
        }

    def begin(self, group: Sequence[Any], /) -> None:
        """Note the batches of the first step, before it is taken."""
        if self.circumstances is not None and self.at.step == 0:
            self.circumstances.saw(group)

    def load_state_dict(
        self, parts: Mapping[str, Any], origin: str, /, *, exact: bool = True
    ) -> None:
        """Go back to what `state_dict` gave, if the run was made with the same options.

        Args:
            parts: what it gave.
            origin: where they are from.
            exact: refuse what would not go on bit for bit.

        Raises:
            UsageError: it was not, or the tensors are of another model.
        """
        try:
            self._load(parts, origin, exact=exact)
        except UsageError:
            raise
        except (ArithmeticError, LookupError, TypeError, AttributeError, ValueError,
                RuntimeError) as error:  # fmt: skip
            raise UsageError(f"{origin} holds no state of this run: {first_line(error)}") from error

    def _load(self, parts: Mapping[str, Any], origin: str, *, exact: bool) -> None:
        at = State(**parts["state"])
        check_fields(at, "state")
        with aside():
            set_others(at.others) if at.others else None
        self._check_config(self.config.take(parts["plan"]), at, origin)
        self.weights.load(parts["objective"], origin)
        if self.circumstances is not None and self.at.step == 0:  # else it goes back to its own
            self.circumstances.resume(parts, origin, exact=exact)
        if self.attributes is not None and "attributes" in parts:
            self.attributes.load_state_dict(parts["attributes"], origin, exact=exact)
        for name, player in self.players.items():
            player.load(parts["optimizer"][name])
            player.align()
            if player.scaler is not None:
                player.scaler.load_state_dict(parts["scaler"][name])
            if player.average is not None:
                player.average.load(parts["average"][name].values())
        self.logger.load(parts["ledger"])
        self.at, self.best_weights = at, parts["best"]

    def go_on(self, monitor: Monitor, /) -> None:
        """Lift an early stop that the patience of the run that goes on would not have made."""
        at = self.at
        if at.stopped == "early" and (monitor.patience is None or at.waited < monitor.patience):
            at.stopped = None

    def judge(self, record: dict[str, Any], monitor: Monitor, /) -> None:
        """Update the best weights and the patience by the record of an epoch.

        Raises:
            UsageError: it has no number of that name.
        """
        at, value = self.at, record.get(monitor.name)
        if monitor.required and value is None:
            numbers = [key for key in record if key.startswith(("train/", "valid/"))]
            raise unknown("number to monitor", monitor.name, numbers)
        if value is None:
            return
        best = at.best.get(monitor.name)
        at.waited = 0 if monitor.better(value, best) else at.waited + 1
        if at.waited == 0 or value == best:
            at.best = record
            with averaged(self.players):
                self.best_weights = copied(self.weights.state())
        at.ranked = monitor.ranked(at.history)
        if monitor.patience is not None and at.waited >= monitor.patience:
            at.stopped = "early"

    def _check_config(self, before: Mapping[str, Any], at: State, origin: str) -> None:
        """Refuse to resume with options under which the run would not be the same."""
        for key, (theirs, ours) in self.config.differs(before).items():
            if key == "patience" and (ours is None or (theirs is not None and ours > theirs)):
                continue  # the epochs so far are those of a run with more of it
            if key == "epochs" and ours >= at.epoch:
                check_longer(self.config, int(theirs or 0), origin)
            else:
                raise UsageError(
                    f"{origin} was written with {key}={theirs!r} and this run has "
                    f"{key}={ours!r}; resume with the same, or start a new run"
                )

    def _check_finite(self) -> None:
        """Refuse to save weights that are not finite in place of a good checkpoint."""
        step = self.at.step
        weights = [p.detach() for one in self.players.values() for p in one.params]
        sums = [(torch.view_as_real(p) if p.is_complex() else p).sum().double() for p in weights]
        total = float(self.processes.whole(torch.stack(sums).sum()))
        if not math.isfinite(total):
            raise NonFiniteError(f"a weight became infinite or not a number by step {step}", step)
