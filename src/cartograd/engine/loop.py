"""The loop: epochs of steps, validation, the best weights, checkpoints."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batches, Metric
from cartograd.engine import choices
from cartograd.engine.average import answer, averaged, begun
from cartograd.engine.callbacks import Callbacks, View
from cartograd.engine.clock import Clock
from cartograd.engine.config import RunConfig
from cartograd.engine.distributed.team import Alone, Crew
from cartograd.engine.evaluate import validation
from cartograd.engine.keeper import Keeper
from cartograd.engine.ledger import Ledger, NonFiniteError
from cartograd.engine.loader import Loaded
from cartograd.engine.monitor import Monitor
from cartograd.engine.player import Player, rates
from cartograd.engine.progress import Progress
from cartograd.engine.randomness import (
    BEGINNING,
    TRAINING,
    aside,
    mixed,
    preserved,
    seed_all,
    seeder,
    set_others,
)
from cartograd.engine.recovery import Recovery
from cartograd.engine.run_state import RunState, State
from cartograd.engine.stepper import Stepper
from cartograd.engine.stream import fetched
from cartograd.engine.tensors import copied
from cartograd.engine.weights import Weights

READ_SECONDS = 0.25
"""How often losses are fetched from the device and shown."""
POINTS = 50
"""Points of the loss curve in an epoch."""


@dataclass
class Loop:
    """Everything a run needs; `fit` checks and assembles it."""

    objective: Any
    batches: Batches
    players: dict[str, Player]
    device: torch.device
    config: RunConfig
    validate: Batches | None
    metrics: Mapping[str, Metric]
    model: nn.Module | None
    monitor: Monitor
    progress: Progress
    recovery: Recovery = field(default_factory=Recovery)
    team: Crew = field(default_factory=Alone)
    keeper: Keeper | None = None
    callbacks: Callbacks = field(default_factory=lambda: Callbacks([]))

    def __post_init__(self) -> None:
        steps = math.ceil((self.config.batches or POINTS * POINTS) / self.config.accumulate)
        every = self.config.log_every or max(1, steps // POINTS)
        self.ledger = Ledger(every=every, team=self.team)
        self.weights = Weights(self.objective, {k: one.module for k, one in self.players.items()})
        parts = (self.weights, self.players, self.ledger, self.team, self.callbacks)
        self.run_state = RunState(self.config, *parts)
        self.view = View(self.model, self.players)
        self.stop, self.clock = self.team.stop(), Clock(self.device)

    def resume(self) -> None:
        """Go back to where the run in the folder was.

        Raises:
            UsageError: its checkpoint does not fit.
        """
        assert self.keeper is not None
        found = self.keeper.load()
        if found is not None:
            self.run_state.load_state_dict(*found)
            self.callbacks.resume(found[0], exact=self.keeper.exact, event=self.event)
            self.keeper.loaded(self.state.step, found[0])
            choices.apply(self.config, self.players)
            if self.state.best and not self.run_state.best_weights:
                self.run_state.best_weights = copied(self.weights.state())

    @property
    def state(self) -> State:
        """Where the run is."""
        return self.run_state.at

    def run(self) -> None:
        """Train until the last epoch, an early stop or a signal.

        Raises:
            NonFiniteError: a loss or a weight is not finite.
        """
        with self.stop, preserved(self.device):
            seed_all(mixed(self.config.seed, BEGINNING))
            if self.state.others:
                set_others(self.state.others)
            done = self.state.epoch * (self.config.batches or 0) + self.state.batch
            self.progress.start(self.config.epochs, self.config.batches, done)
            try:
                if not self._epochs():
                    self._interrupt()
                    answer(self.players)
                    return
            finally:
                self.progress.close()
                self.clock.close()
        if self.keeper is not None:
            self.keeper.join()
        if self.run_state.best_weights:
            self.weights.load(self.run_state.best_weights, "the best epoch")
        else:
            answer(self.players)
        self.callbacks.call("on_end", self.view, self.state, self.event)
        self.event("finished", step=self.state.step, stopped=self.state.stopped)

    def _epochs(self) -> bool:
        """All that is left of the epochs; whether we got through."""
        if self.recovery.policy.kind == "rollback" and self.keeper and self.keeper.newest() is None:
            self._save()
        while self.state.epoch < self.config.epochs and self.state.stopped is None:
            try:
                if not (self._train() and self._end_epoch()):
                    return False
            except NonFiniteError as error:
                self.recovery.after(self, error)
        return True

    def _train(self) -> bool:
        """The rest of this epoch's steps; whether we got through."""
        state, stop, clock = self.state, self.stop, self.clock
        reseed = seeder(self.device, self.config.seed, TRAINING, rank=self.team.seed_rank)
        stepper = None
        if self.keeper is not None and isinstance(self.batches, Loaded) and self.batches.workers:
            self.keeper.join()  # its processes are forked from one that has a single thread
        source = self.team.batches(
            self.batches, state.epoch, seed=self.config.seed, start=state.batch, device=self.device
        )
        now = time.perf_counter()
        began = now - state.seconds
        next_read = 0.0
        clock.start()
        while not stop.asked:
            group = fetched(source, self.config.accumulate, stop)
            clock.lap("data")
            if not group:
                if stop.asked:
                    return False
                if state.batch == 0:
                    raise UsageError("there are no batches to train on")
                self.ledger.read()
                return True
            stepper = stepper or self._stepper(group)
            reseed(state.step)
            state.step += 1
            if state.rollbacks and self.recovery.leaves_out(state, self.players, len(group)):
                continue
            clock.step(group)
            self.recovery.begin(state.step, state.epoch, state.batch, group)
            self.team.ask(
                read=now >= next_read or self.ledger.full(),
                save=self.keeper is not None and (stop.save or self.keeper.due(state.step, now)),
            )
            self._step(stepper, group)
            now = time.perf_counter()
            state.seconds = now - began
            read, save = self.team.told()
            if read:
                self._report()
                next_read = now + READ_SECONDS
            if self.callbacks.call("on_step", self.view, self.state, self.event):
                self.ledger.read()
                return True
            if save:
                self._save(last=state.batch == self.config.batches)
        return False

    def _step(self, stepper: Stepper, group: list[Any]) -> None:
        """Take a step, or note that it was left out."""
        stepper.step(self.state.step, group)
        if stepper.skipped:
            self.recovery.skipped(self, stepper.skipped)
        self.state.batch += len(group)

    def _stepper(self, group: list[Any]) -> Stepper:
        """What takes the steps, when all that was left open is chosen."""
        folder = None if self.keeper is None else self.keeper.folder.path
        parts, device, team = (self.objective, self.players), self.device, self.team
        choices.settle(self.config, *parts, group, device, folder, team=team)
        kind, precision = self.recovery.policy.kind, self.config.precision
        stepper = Stepper(*parts, self.ledger, device, precision, self.clock, kind, team)
        for schedule in stepper.schedules:
            schedule.begin(self.state.epoch, self.state.history)
        return stepper

    def _report(self) -> None:
        """Read the losses of the last steps; tell the metrics file and the progress display."""
        losses = {f"train/{name}": value for name, value in self.ledger.read().items()}
        self._write_points()
        if losses:
            self.progress.update(self.state.epoch, self.state.batch, losses)
        self.clock.lap("logging")

    def _write_points(self) -> None:
        lines = self.ledger.lines()
        if self.keeper is not None and lines:
            self.keeper.folder.metrics(*lines)

    def _end_epoch(self) -> bool:
        """Validate, judge and record; false if a signal came before the validation was done."""
        state, began = self.state, time.perf_counter()
        with averaged(self.players), aside():
            valid = self._validate()
        self.clock.lap("validation")
        if valid is None:
            return False
        train = {f"train/{name}": value for name, value in self.ledger.end_epoch().items()}
        self._write_points()
        record = (
            {"step": state.step, "epoch": state.epoch + 1} | train | valid | rates(self.players)
        )
        seconds = round(state.seconds + time.perf_counter() - began, 3)
        if self.keeper is not None:
            self.keeper.folder.metrics({"at": "epoch"} | record)
        self.event("epoch", epoch=state.epoch + 1, seconds=seconds, **self.clock.spent())
        record["seconds"] = seconds
        state.history.append(record)
        if self.validate is not None:
            self.callbacks.call("on_validate", self.view, self.state, self.event)
        self.run_state.judge(record, self.monitor)
        self.callbacks.call("on_epoch", self.view, self.state, self.event)
        state.epoch, state.batch, state.seconds = state.epoch + 1, 0, 0.0
        self.progress.epoch(record)
        ended = state.epoch >= self.config.epochs or state.stopped is not None
        keeper, now = self.keeper, time.perf_counter()
        if keeper is not None and self.team.lead_says(
            ended
            or self.stop.save
            or keeper.keeps(state.step, state.ranked)
            or keeper.due(state.step, now)
        ):
            self._save()
        return True

    def _validate(self) -> dict[str, float] | None:
        if self.validate is None:
            return {}
        self.team.same_buffers(self.objective)
        return validation(
            self.objective,
            self.validate,
            model=self.model,
            metrics=self.metrics,
            device=self.device,
            precision=self.config.precision,
            seed=self.config.seed,
            asked=lambda: self.stop.asked,
            team=self.team,
        )

    def _save(self, *, last: bool = False) -> None:
        """Write a checkpoint; not after the `last` batch, as the epoch's end will."""
        assert self.keeper is not None
        if last:
            return
        self.stop.save = False
        self.ledger.read()
        self._write_points()
        self.team.same_buffers(self.objective)
        here = self.state.best.get("step") == self.state.step and not begun(self.players)
        best = {} if here else self.run_state.best_weights
        self.keeper.save(self.state.step, self.run_state.state_dict(best), self.state.ranked)
        self.callbacks.call("on_save", self.view, self.state, self.event)
        self.clock.lap("saving")

    def _interrupt(self) -> None:
        """Keep what was done and say that a signal ended it."""
        if self.keeper is not None:
            if not self.keeper.has(self.state.step):
                self._save()
            self.keeper.join()
            self.event("interrupted", step=self.state.step, signal=self.stop.asked)
        self.state.stopped = "interrupted"

    def event(self, kind: str, **details: Any) -> None:
        """Add a line to the run's events."""
        if self.keeper is not None:
            self.keeper.folder.event(kind, **details)
