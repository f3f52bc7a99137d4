"""One training step: the losses that an objective yields, and a player's step for each."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cartograd.core.errors import UsageError, unknown
from cartograd.core.protocols import Loss
from cartograd.engine.device.device import autocast
from cartograd.engine.distributed.process_group import ProcessGroup, SingleProcess
from cartograd.engine.distributed.rows import is_padding
from cartograd.engine.inputs.stream import examples
from cartograd.engine.logging.metric_logger import MetricLogger, NonFiniteError
from cartograd.engine.loop.recovery import Buffers
from cartograd.engine.loop.timer import Timer
from cartograd.engine.optim import accumulation
from cartograd.engine.optim.player import Player


class Stepper:
    """Runs an objective on batches and steps its players.

    Args:
        objective: whose losses.
        players: by name.
        logger: collects losses and metrics.
        device: where the forward passes run.
        precision: of the forward passes.
        timer: measures the parts of a step.
        guard: what to do when a loss or a gradient is not finite: `stop`, `skip` or `rollback`.
        processes: the processes that train together.
    """

    def __init__(
        self,
        objective: Any,
        players: Mapping[str, Player],
        logger: MetricLogger,
        device: torch.device,
        precision: str,
        timer: Timer,
        guard: str = "stop",
        processes: ProcessGroup | None = None,
    ) -> None:
        self.timer = timer
        self.processes = processes or SingleProcess()
        self.objective = objective
        self.players = players
        self.logger = logger
        self.device = device
        self.losses = objective.losses if precision == "float32" else self._cast_losses
        self.precision = precision
        self.after_step = getattr(objective, "after_step", None)
        self.schedules = [p.schedule for p in players.values() if p.schedule is not None]
        self.averaged = [p.average for p in players.values() if p.average is not None]
        self.skips = guard == "skip"
        self.skipped: list[str] = []
        self.eager = device.type == "cpu" or guard != "stop"  # elsewhere looking costs a wait
        self.looks = self.eager and self.processes.size == 1
        self.buffers = Buffers([objective, *objective.players.values()]) if self.skips else None
        for player in players.values():
            player.watched, player.eager = guard != "stop", self.eager
        alone = len(players) == 1
        self.loss_names = {name: "loss" if alone else f"{name}/loss" for name in players}
        norm = "gradient_norm"
        self.norm_names = {name: norm if alone else f"{name}/{norm}" for name in players}

    def step(self, number: int, group: Sequence[Any], /) -> None:
        """Run the objective on a group of microbatches and step a player for each loss.

        Args:
            number: of the step, from 1; schedules use it.
            group: the microbatches.

        Raises:
            UsageError: the objective names an unknown player, or its loss cannot be used.
        """
        for plan in self.schedules:
            plan.apply(number - 1)
        mark = 0
        if self.buffers is not None:
            self.buffers.keep()
            mark = self.logger.mark()
        if len(group) == 1 and self.processes.size == 1:
            self._alone(number, group[0])
        else:
            self._together(number, group)
        if not self._left_out(mark):
            for average in self.averaged:
                average.update(number)
        self.timer.lap("optimizer")

    def _left_out(self, mark: int) -> bool:
        """Whether this step was skipped; if so its running statistics and losses are undone."""
        if self.buffers is not None and self.skipped:
            self.buffers.restore()
            self.logger.clear(mark)
        return bool(self.skipped)

    def _alone(self, number: int, batch: Any) -> None:
        """A single batch: one step for each loss that the objective yields."""
        part = self.timer.part
        for loss in self.losses(batch):
            part("forward")
            player = self._player(loss)
            if self._noted(number, loss, batch):
                player.backward(loss.value, accumulation.shares(loss))
                part("backward")
                self._advance(number, player, None)

    def _together(self, number: int, group: Sequence[Any]) -> None:
        """Several microbatches as one batch: their generators advance together.

        Each yields one loss, whose sum is differentiated at once (so only one microbatch's graph is
        alive); then the player steps with the summed gradient divided by the summed count (or the
        summed weights); then all are resumed. So the result is that of the full batch, also when
        they are uneven or masked. With several processes each has microbatches of its own, also if
        it is only one.
        """
        generators = [iter(self.losses(batch)) for batch in group]
        while True:
            losses = []
            count: float | Tensor = 0
            good = True
            for batch, generator in zip(group, generators, strict=True):
                self.processes.idle = is_padding(batch)
                loss = next(generator, None)
                losses.append(None if loss is None else loss.player)
                if loss is None or loss.player != losses[0]:
                    continue
                self.timer.part("forward")
                player = self._player(loss)
                good = self._noted(number, loss, batch) and good
                if good:
                    weight, size = accumulation.weighed(loss, examples(batch))
                    if self.processes.idle:
                        weight = size = 0
                    player.backward(loss.value, weight)
                    self.timer.part("backward")
                    count = count + size
            name = losses[0]
            if any(other != name for other in losses):
                raise UsageError(
                    "the objective yields other players, or another number of losses, for some of "
                    "the accumulated batches than for others; train it without accumulation"
                )
            if name is None:
                return
            if good:
                several = self.processes.size > 1  # each divides by the sum of all their counts
                shared = count if several else accumulation.divisor(count)
                self._advance(number, self.players[name], shared)
            else:
                self.players[name].drop()

    def _advance(self, number: int, player: Player, count: float | Tensor | None) -> None:
        """Step the player, unless its gradient is known not to be finite."""
        scale = 1.0 if player.scaler is None else player.scaler.get_scale()
        norm = player.step(count)
        self.timer.part("optimizer")
        if player.overflowed:
            self.skipped.append(
                f"the gradient of player {player.name!r} overflowed at loss scale {scale:g}"
            )
            return
        if norm is not None:
            if player.broken:
                self._broken(number, f"the gradient of player {player.name!r}", norm.item())
                return
            # Clipping computed the norm already.
            self.logger.add(number, self.norm_names[player.name], norm, 1, loss=False)
        if self.after_step is not None:
            self.after_step(player.name)

    def _broken(self, number: int, what: str, value: float) -> None:
        """Skip this step, or stop the run."""
        message = f"{what} became {value} at step {number}"
        if not self.skips:
            raise NonFiniteError(message, number)
        self.skipped.append(message)

    def _cast_losses(self, batch: Any) -> Iterator[Loss]:
        """The objective's losses under autocast, which does not cover the steps between them."""
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

    def _noted(self, number: int, loss: Loss, batch: Any) -> bool:
        """Log the means of a loss and of its metrics; false if the loss is not finite.

        On the CPU the value is there without waiting, so it is checked before the step; elsewhere
        the metric logger checks it when it is read, unless steps are to be skipped. Several
        processes check the gradient instead, which is the same in all of them.
        """
        if self.processes.idle:
            return True
        name = self.loss_names[loss.player]
        plain = loss.weight is None and loss.value.ndim and not loss.metrics
        size = 0 if plain else examples(batch)
        mean, weight = accumulation.mean(loss, size)
        if mean is not None:
            if self.looks:
                value = mean.item()
                if not math.isfinite(value):
                    self._broken(number, f"the loss {name!r}", value)
                    return False
                self.logger.add(number, name, value, weight)
            else:
                self.logger.add(number, name, mean, weight)
        for key, metric in loss.metrics.items():
            weight = metric.numel() if metric.ndim else size
            if weight:
                mean = metric.detach().float().mean() if metric.ndim else metric.detach()
                self.logger.add(number, key, mean, weight, loss=False)
        return True
