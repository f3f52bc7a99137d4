"""One step: an objective's losses, and what each asks of its player."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cartograd.core.errors import UsageError, unknown
from cartograd.core.protocols import Loss
from cartograd.engine.clock import Clock
from cartograd.engine.device import autocast
from cartograd.engine.ledger import Ledger
from cartograd.engine.player import Player
from cartograd.engine.stream import examples


class Stepper:
    """Runs an objective on batches and steps its players.

    Args:
        objective: whose losses.
        players: by name.
        ledger: where losses and metrics are noted.
        device: on which the forward passes run.
        precision: in which they run.
        clock: to which the parts of a step are told.
    """

    def __init__(
        self,
        objective: Any,
        players: Mapping[str, Player],
        ledger: Ledger,
        device: torch.device,
        precision: str,
        clock: Clock,
    ) -> None:
        self.lap = clock.lap
        self.objective = objective
        self.players = players
        self.ledger = ledger
        self.device = device
        self.losses = objective.losses if precision == "float32" else self._cast_losses
        self.precision = precision
        self.after_step = getattr(objective, "after_step", None)
        self.schedules = [p.schedule for p in players.values() if p.schedule is not None]
        self.averaged = [p.average for p in players.values() if p.average is not None]
        alone = len(players) == 1
        self.loss_names = {name: "loss" if alone else f"{name}/loss" for name in players}
        norm = "gradient_norm"
        self.norm_names = {name: norm if alone else f"{name}/{norm}" for name in players}

    def step(self, number: int, group: Sequence[Any], /) -> None:
        """All steps that the losses of one group of microbatches ask for.

        Args:
            number: of the step, from 1; the rates follow it.
            group: the microbatches.

        Raises:
            UsageError: the objective names an unknown player, or its loss is of no use.
        """
        for plan in self.schedules:
            plan.apply(number - 1)
        if len(group) == 1:
            self._alone(number, group[0])
        else:
            self._together(number, group)
        for average in self.averaged:
            average.update(number)
        self.lap("optimizer")

    def _alone(self, number: int, batch: Any) -> None:
        """One batch: a step at each loss that the objective yields."""
        for loss in self.losses(batch):
            self.lap("forward")
            player = self._player(loss)
            player.backward(loss.value, _shares(loss))
            self.lap("backward")
            norm = player.step()
            self.lap("optimizer")
            self._note(number, loss, batch)
            if norm is not None:
                self._note_norm(number, loss.player, norm)
            if self.after_step is not None:
                self.after_step(loss.player)

    def _together(self, number: int, group: Sequence[Any]) -> None:
        """Several microbatches as one batch: their generators run in step with each other.

        Each yields one loss, whose sum is differentiated at once (so only one microbatch's graph is
        alive); then the player steps with the summed gradient divided by the summed count (or the
        summed weights); then all are resumed. So the result is that of the full batch, also when
        they are uneven or masked.
        """
        generators = [iter(self.losses(batch)) for batch in group]
        while True:
            losses = []
            count: float | Tensor = 0
            for batch, generator in zip(group, generators, strict=True):
                loss = next(generator, None)
                losses.append(None if loss is None else loss.player)
                if loss is None or loss.player != losses[0]:
                    continue
                weight, size = _weight(loss, examples(batch))
                self.lap("forward")
                self._player(loss).backward(loss.value, weight)
                self.lap("backward")
                self._note(number, loss, batch)
                count = count + size
            name = losses[0]
            if any(other != name for other in losses):
                raise UsageError(
                    "the objective yields other players, or another number of losses, for some of "
                    "the accumulated batches than for others; train it without accumulation"
                )
            if name is None:
                return
            norm = self.players[name].step(_divisor(count))
            self.lap("optimizer")
            if norm is not None:
                self._note_norm(number, name, norm)
            if self.after_step is not None:
                self.after_step(name)

    def _cast_losses(self, batch: Any) -> Iterator[Loss]:
        """The objective's losses, computed under autocast; the steps in between are not."""
        generator = iter(self.objective.losses(batch))
        while True:
            with autocast(self.precision, self.device):
                loss = next(generator, None)
            if loss is None:
                return
            yield loss

    def _player(self, loss: Loss) -> Player:
        player = self.players.get(loss.player)
        if player is None:
            raise unknown("player yielded by the objective", loss.player, self.players)
        return player

    def _note(self, number: int, loss: Loss, batch: Any) -> None:
        """Keep the means of the loss and of its metrics for the ledger."""
        value = loss.value.detach()
        if loss.weight is not None:
            weight = loss.weight.detach().sum()
            mean = (loss.weight.detach() * value).sum() / _divisor(weight)
            self.ledger.add(number, self.loss_names[loss.player], mean, weight)
        elif value.ndim == 0:
            self.ledger.add(number, self.loss_names[loss.player], value, examples(batch))
        elif value.numel():
            self.ledger.add(number, self.loss_names[loss.player], value.mean(), value.numel())
        for name, metric in loss.metrics.items():
            weight = metric.numel() if metric.ndim else examples(batch)
            if weight:
                mean = metric.detach().float().mean() if metric.ndim else metric.detach()
                self.ledger.add(number, name, mean, weight, loss=False)

    def _note_norm(self, number: int, name: str, norm: Tensor) -> None:
        """Keep a gradient's norm, which clipping had to compute anyway, beside the loss."""
        self.ledger.add(number, self.norm_names[name], norm, 1, loss=False)


def _shares(loss: Loss) -> float | Tensor:
    """What each number of a loss weighs in its mean."""
    if loss.weight is None:
        return 1 / max(loss.value.numel(), 1)
    return loss.weight.detach() / _divisor(loss.weight.detach().sum())


def _weight(loss: Loss, batch_size: int) -> tuple[float | Tensor, float | Tensor]:
    """What each number of a microbatch's loss weighs in the sum, and what they weigh together."""
    if loss.weight is not None:
        return loss.weight.detach(), loss.weight.detach().sum()
    if loss.value.ndim:
        return 1.0, loss.value.numel()
    return batch_size, batch_size


def _divisor(count: float | Tensor) -> float | Tensor:
    """The count, or 1 where it is 0, so that a batch without a single number gives no gradient."""
    return torch.where(count > 0, count, 1) if isinstance(count, Tensor) else max(count, 1)
