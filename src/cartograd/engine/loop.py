"""The loop: steps, epochs, validation and checkpoints, as a function of (seed, step)."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

import torch
from torch import nn

from cartograd.core.errors import UsageError, unknown
from cartograd.core.protocols import Batches, Loss, Metric
from cartograd.engine import checkpoint
from cartograd.engine.device import autocast
from cartograd.engine.evaluate import validation
from cartograd.engine.ledger import Ledger
from cartograd.engine.player import Player
from cartograd.engine.progress import Progress
from cartograd.engine.randomness import reseed
from cartograd.engine.runs import RunFolder
from cartograd.engine.signals import Stop
from cartograd.engine.stream import examples, moved
from cartograd.engine.tensors import copied, load_into

READ_SECONDS = 0.25
SAVE_SECONDS = 30.0
SAVE_SHARE = 0.01
"""Checkpoints take at most this share of the time."""
KEEP = 2


@dataclass
class State:
    """Where a run is. With the tensors of objective and optimizers it determines all that follows.

    Attributes:
        epoch, batch: the next batch is number `batch` of epoch `epoch` (both from 0).
        step: steps taken.
        seconds: time spent in this epoch.
        waited: epochs since the best one.
        best: the record of the best epoch.
        history: a record per epoch.
        stopped: why the run ended before its last epoch.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    waited: int = 0
    best: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    stopped: str | None = None


@dataclass
class Loop:
    """Everything a run needs; `fit` checks and assembles it."""

    objective: Any
    batches: Batches
    players: dict[str, Player]
    epochs: int
    per_epoch: int | None
    device: torch.device
    precision: str
    seed: int
    accumulate: int
    validate: Batches | None
    metrics: Mapping[str, Metric]
    model: nn.Module | None
    monitor: str
    required: bool
    falls: bool
    patience: int | None
    min_delta: float
    save_every: int | None
    progress: Progress
    plan: dict[str, Any]
    folder: RunFolder | None = None
    state: State = field(default_factory=State)
    best_weights: Any = None

    def __post_init__(self) -> None:
        points = max(1, (self.per_epoch or 2500) // (50 * self.accumulate))
        self.ledger = Ledger(every=points)
        self.after_step = getattr(self.objective, "after_step", None)
        self.stop = Stop()
        self.next_read = 0.0
        self.saved_at = time.perf_counter()
        self.save_cost = 0.0

    def run(self) -> None:
        """Train until the last epoch, an early stop or a signal."""
        state = self.state
        devices = [self.device] if self.device.type == "cuda" else []
        with self.stop, torch.random.fork_rng(devices=devices):
            done = state.epoch * (self.per_epoch or 0) + state.batch
            self.progress.start(self.epochs, self.per_epoch, done)
            try:
                while state.epoch < self.epochs and state.stopped is None:
                    if not (self._train() and self._end_epoch()):
                        self._interrupt()
                        return
            finally:
                self.progress.close()
        self._finish()

    def _train(self) -> bool:
        """The rest of this epoch's steps; whether we got through."""
        state = self.state
        source = self.batches.epoch(state.epoch, seed=self.seed, start=state.batch)
        source = moved(iter(source), self.device)
        began = time.perf_counter() - state.seconds
        while not self.stop.asked:
            reseed(self.device, self.seed, 0, state.step)
            group = list(islice(source, self.accumulate))
            if not group:
                self.ledger.read()
                if state.batch == 0:
                    raise UsageError("there are no batches to train on")
                return True
            state.step += 1
            if len(group) == 1:
                self._step(group[0])
            else:
                self._step_together(group)
            for player in self.players.values():
                if player.schedule is not None:
                    player.schedule.advance("step")
            state.batch += len(group)
            now = time.perf_counter()
            state.seconds = now - began
            if now >= self.next_read or self.ledger.full():
                self._report()
            if self._save_due(now):
                self.save()
        return False

    def _step(self, batch: Any) -> None:
        """One batch: a step for each loss that the objective yields."""
        step, alone = self.state.step, len(self.players) == 1
        for loss in self._losses(batch):
            player = self._player(loss)
            value = loss.value
            size = value.numel()
            mean = value if value.ndim == 0 else value.mean() if size else value.sum()
            player.backward(mean)
            player.step()
            if size:
                weight = size if value.ndim else examples(batch)
                name = "loss" if alone else f"{loss.player}/loss"
                self.ledger.add(step, name, mean.detach(), weight)
            if loss.metrics:
                self._note_metrics(loss, batch)
            if self.after_step is not None:
                self.after_step(loss.player)

    def _step_together(self, group: list[Any]) -> None:
        """Several microbatches as one batch: their generators run in step with each other.

        Each yields one loss, whose sum is differentiated at once (so only one microbatch's graph is
        alive); then the player steps with the summed gradient divided by the summed count; then
        all are resumed. So the result is that of the full batch, also when they are uneven.
        """
        generators = [self._losses(batch) for batch in group]
        while True:
            player, count, ended = None, 0, 0
            for batch, generator in zip(group, generators, strict=True):
                loss = next(generator, None)
                if loss is None:
                    ended += 1
                    continue
                found = self._player(loss)
                if player not in (None, found):
                    ended = -1
                    break
                player = found
                count += self._add_gradient(found, loss, batch)
            if ended == len(group):
                return
            if ended or player is None:
                raise UsageError(
                    "the objective yields other players, or another number of losses, for some of "
                    "the accumulated batches than for others; train it without accumulation"
                )
            player.step(max(count, 1))
            if self.after_step is not None:
                self.after_step(player.name)

    def _add_gradient(self, player: Player, loss: Loss, batch: Any) -> int:
        """Differentiate the sum of a microbatch's losses; how many numbers it stands for."""
        value, alone = loss.value, len(self.players) == 1
        weight = value.numel() if value.ndim else examples(batch)
        total = value.sum() if value.ndim else value * weight
        player.backward(total)
        if weight:
            name = "loss" if alone else f"{loss.player}/loss"
            self.ledger.add(self.state.step, name, total.detach() / weight, weight)
        self._note_metrics(loss, batch)
        return weight

    def _losses(self, batch: Any) -> Iterator[Loss]:
        """The objective's losses, computed in the chosen precision."""
        if self.precision == "float32":
            return iter(self.objective.losses(batch))
        return self._cast_losses(batch)

    def _cast_losses(self, batch: Any) -> Iterator[Loss]:
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

    def _note_metrics(self, loss: Loss, batch: Any) -> None:
        for name, value in loss.metrics.items():
            value = value.detach()
            weight = value.numel() if value.ndim else examples(batch)
            if weight:
                mean = value.float().mean() if value.ndim else value
                self.ledger.add(self.state.step, name, mean, weight, loss=False)

    def _report(self) -> None:
        """Read the losses of the last steps; tell the metrics file and the progress display."""
        losses = {f"train/{name}": value for name, value in self.ledger.read().items()}
        self._write_points()
        if losses:
            self.progress.update(self.state.epoch, self.state.batch, losses)
        self.next_read = time.perf_counter() + READ_SECONDS

    def _write_points(self) -> None:
        points, self.ledger.points = self.ledger.points, []
        if self.folder is None:
            return
        for point in points:
            named = {f"train/{name}": x for name, x in point.items() if name != "step"}
            self.folder.metrics({"at": "step", "step": point["step"]} | named)

    def _end_epoch(self) -> bool:
        """Validate, judge and record; false if a signal came before the validation was done."""
        state = self.state
        began = time.perf_counter()
        valid: dict[str, float] | None = {}
        if self.validate is not None:
            valid = validation(
                self.objective,
                self.validate,
                model=self.model,
                metrics=self.metrics,
                device=self.device,
                precision=self.precision,
                seed=self.seed,
                asked=lambda: self.stop.asked,
            )
        if valid is None:
            return False
        train = {f"train/{name}": value for name, value in self.ledger.end_epoch().items()}
        self._write_points()
        rates = {
            "lr" if len(self.players) == 1 else f"lr/{name}": player.lr
            for name, player in self.players.items()
        }
        record = {"step": state.step, "epoch": state.epoch + 1} | train | valid | rates
        seconds = round(state.seconds + time.perf_counter() - began, 3)
        if self.folder is not None:
            self.folder.metrics({"at": "epoch"} | record)
            self.folder.event("epoch", epoch=state.epoch + 1, seconds=seconds)
        record["seconds"] = seconds
        state.history.append(record)
        self._judge(record)
        state.epoch, state.batch, state.seconds = state.epoch + 1, 0, 0.0
        self.progress.epoch(record)
        last = state.epoch >= self.epochs or state.stopped is not None
        if self.folder is not None and (last or self._save_due(time.perf_counter())):
            self.save()
        return True

    def _judge(self, record: dict[str, Any]) -> None:
        """Keep the best weights, lose patience, and tell the schedules."""
        state = self.state
        value = record.get(self.monitor)
        if self.required and value is None:
            numbers = [key for key in record if key.startswith(("train/", "valid/"))]
            raise unknown("number to monitor", self.monitor, numbers)
        if value is not None:
            best = state.best.get(self.monitor, math.inf if self.falls else -math.inf)
            gain = best - value if self.falls else value - best
            if gain > self.min_delta or (not state.best and math.isfinite(value)):
                state.best, state.waited = record, 0
                self.best_weights = copied(self.weights())
            else:
                state.waited += 1
            if self.patience is not None and state.waited >= self.patience:
                state.stopped = "early"
        for player in self.players.values():
            if player.schedule is not None:
                player.schedule.advance("epoch", value)

    def weights(self) -> dict[str, Any]:
        """The state of the objective, and of players that are not part of it."""
        held: set[int] = set()
        state: dict[str, Any] = {}
        if isinstance(self.objective, nn.Module):
            state["objective"] = self.objective.state_dict()
            held = {id(parameter) for parameter in self.objective.parameters()}
        for name, player in self.players.items():
            if not all(id(parameter) in held for parameter in player.module.parameters()):
                state[f"player {name}"] = player.module.state_dict()
        return state

    def load_weights(self, state: Mapping[str, Any], origin: str, /) -> None:
        """The inverse of `weights`.

        Raises:
            UsageError: they are of another model.
        """
        modules = {f"player {name}": player.module for name, player in self.players.items()}
        modules["objective"] = self.objective
        expected = self.weights()
        if set(expected) != set(state):
            raise UsageError(f"{origin} is of another objective: it holds {', '.join(state)}")
        for name, tensors in state.items():
            load_into(modules[name], tensors, origin)

    def _save_due(self, now: float) -> bool:
        if self.folder is None:
            return False
        if self.save_every is not None:
            return self.state.step % self.save_every == 0
        return now - self.saved_at > max(SAVE_SECONDS, self.save_cost / SAVE_SHARE)

    def save(self) -> None:
        """Write a checkpoint of this very moment (between two steps)."""
        assert self.folder is not None
        began = time.perf_counter()
        self.ledger.read()
        self._write_points()
        state = self.state
        schedules = {
            name: player.schedule.scheduler.state_dict()
            for name, player in self.players.items()
            if player.schedule is not None
        }
        parts = {
            "objective": self.weights(),
            "optimizer": {name: p.optimizer.state_dict() for name, p in self.players.items()},
            "best": {} if state.best.get("step") == state.step else self.best_weights or {},
            "schedules": schedules,
            "state": asdict(state),
            "ledger": self.ledger.state(),
            "plan": self.plan,
            "metrics_size": self.folder.metrics_size(),
        }
        path = checkpoint.save(self.folder.checkpoints, state.step, parts)
        best = state.best.get("step")
        checkpoint.prune(self.folder.checkpoints, keep=KEEP, protect=[best] if best else [])
        self.folder.event("checkpoint", step=state.step, path=path.name)
        self.saved_at = time.perf_counter()
        self.save_cost = self.saved_at - began

    def load(self, found: checkpoint.Checkpoint, /) -> None:
        """Go on from a checkpoint.

        Raises:
            UsageError: it is of another model, or of a run with other options.
        """
        assert self.folder is not None
        origin, parts = str(found.path), found.parts
        _check_plan(parts["plan"], self.plan, parts["state"], origin)
        self.load_weights(parts["objective"], origin)
        for name, player in self.players.items():
            player.load(parts["optimizer"][name], parts["schedules"].get(name))
        self.state = State(**parts["state"])
        self.ledger.load(parts["ledger"])
        if self.state.best:
            self.best_weights = parts["best"] or copied(self.weights())
        self.folder.cut_metrics(parts["metrics_size"])

    def _interrupt(self) -> None:
        self.state.stopped = None
        if self.folder is not None:
            self.save()
            self.folder.event("interrupted", step=self.state.step, signal=self.stop.asked)
        self.state.stopped = "interrupted"

    def _finish(self) -> None:
        """Leave the best weights in the model."""
        if self.best_weights:
            self.load_weights(self.best_weights, "the best epoch")
        if self.folder is not None:
            self.folder.event("finished", step=self.state.step, stopped=self.state.stopped)


def _check_plan(
    before: Mapping[str, Any], now: Mapping[str, Any], state: Mapping[str, Any], origin: str
) -> None:
    """Refuse to go on with options under which the run would not be the same."""
    for key, value in now.items():
        if key == "epochs" and not now["schedules"] and value >= state["epoch"]:
            continue
        if before.get(key) != value:
            raise UsageError(
                f"{origin} was written with {key}={before.get(key)!r} and this run has "
                f"{key}={value!r}; resume with the same, or start a new run"
            )
