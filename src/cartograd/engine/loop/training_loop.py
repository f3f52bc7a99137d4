"""The loop: epochs of steps, validation, the best weights, checkpoints."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cartograd.core.batch_error import BatchError, made
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batches, Metric
from cartograd.engine.checkpoint.manager import CheckpointManager
from cartograd.engine.checkpoint.state import Weights
from cartograd.engine.device.randomness import (
    BEGINNING,
    TRAINING,
    aside,
    mixed,
    preserved,
    seed_all,
    seeder,
    set_others,
)
from cartograd.engine.distributed.process_group import ProcessGroup, SingleProcess
from cartograd.engine.files.tensor_files import copied
from cartograd.engine.inputs.loader import Loaded
from cartograd.engine.inputs.stream import draws, fetched, spent
from cartograd.engine.logging.callbacks import Callbacks
from cartograd.engine.logging.metric_logger import MetricLogger, NonFiniteError
from cartograd.engine.loop import autotune
from cartograd.engine.loop.announcer import Announcer
from cartograd.engine.loop.config import RunConfig
from cartograd.engine.loop.evaluate import validation
from cartograd.engine.loop.faulty import inspected, kept, outline, used, watched
from cartograd.engine.loop.monitor import Monitor
from cartograd.engine.loop.products import products
from cartograd.engine.loop.recovery import Recovery
from cartograd.engine.loop.rehearsal import Operations
from cartograd.engine.loop.run_state import RunState, State
from cartograd.engine.loop.stepper import Stepper
from cartograd.engine.loop.timer import Timer
from cartograd.engine.optim.average import answer, averaged, begun
from cartograd.engine.optim.player import Player, rates

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
    recovery: Recovery = field(default_factory=Recovery)
    processes: ProcessGroup = field(default_factory=SingleProcess)
    manager: CheckpointManager | None = None
    callbacks: Callbacks = field(default_factory=Callbacks)
    folder: Path | None = None
    operations: Operations = field(default_factory=Operations)

    def __post_init__(self) -> None:
        steps = math.ceil((self.config.batches or POINTS * POINTS) / self.config.accumulate)
        every = self.config.log_every or max(1, steps // POINTS)
        self.logger = MetricLogger(every=every, processes=self.processes)
        self.weights = Weights(self.objective, {k: one.module for k, one in self.players.items()})
        parts = (self.weights, self.players, self.logger, self.processes, self.callbacks)
        self.run_state = RunState(self.config, *parts)
        self.callbacks.event = self.event
        self.announcer = Announcer(self.run_state, self.model, self.folder)
        self.stop, self.timer, self.usual = self.processes.stop(), Timer(self.device), list[Any]()

    def resume(self) -> None:
        """Restore the newest checkpoint of the run folder.

        Raises:
            UsageError: its checkpoint does not fit.
        """
        assert self.manager is not None
        found = self.manager.load()
        if found is not None:
            self.run_state.load_state_dict(*found, exact=self.manager.exact)
            self.callbacks.resume(found[0], exact=self.manager.exact)
            self.manager.loaded(self.state.step, found[0])
            autotune.apply(self.config, self.players)
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
        with self.stop, preserved(self.device), products(self):
            seed_all(mixed(self.config.seed, BEGINNING))
            if self.state.others:
                set_others(self.state.others)
            try:
                if not self._epochs():
                    self._interrupt()
                    answer(self.players)
                    return
            except BatchError as error:
                raise kept(self, error) from error.__cause__
            finally:
                self.timer.close()
        if self.manager is not None:
            self.manager.join()
        if self.run_state.best_weights:
            self.weights.load(self.run_state.best_weights, "the best epoch")
        else:
            answer(self.players)
        self.announcer.tell("on_end")
        at = self.state
        self.event("finished", step=at.step, stopped=at.stopped, skipped=at.skipped)
        self.announcer.view.ended = "finished"

    def _epochs(self) -> bool:
        """Train the remaining epochs; false if a signal interrupted them."""
        rolls = self.recovery.policy.kind == "rollback"
        if rolls and self.manager and self.manager.newest() is None:
            self.save()
        while self.state.epoch < self.config.epochs and self.state.stopped is None:
            try:
                if not (self._train() and self._end_epoch()):
                    self._report()  # a loss that is not finite is not saved as a run to resume
                    return False
            except NonFiniteError as error:
                self.recovery.after(self, error)
        return True

    def _train(self) -> bool:
        """Take the remaining steps of this epoch; false if a signal interrupted them."""
        stepper, state, stop, timer = None, self.state, self.stop, self.timer
        rank, anew = self.processes.seed_rank, self.processes.size > 1 or draws(self.batches)
        reseed = seeder(self.device, self.config.seed, TRAINING, rank=rank, others=anew)
        if self.manager is not None and isinstance(self.batches, Loaded) and self.batches.workers:
            self.manager.join()  # so that workers are forked from a process with one thread
        source = made(self.processes.batches(
            inspected(self.batches, self), state.epoch, seed=self.config.seed,
            start=state.batch, device=self.device,
        ), f"epoch {state.epoch + 1}", start=state.batch)  # fmt: skip
        steps = "on_step" in self.announcer.heard
        now = time.perf_counter()
        began, next_read = now - state.seconds, 0.0
        timer.start()
        while not stop.asked:
            group = fetched(source, self.config.accumulate, stop)
            timer.lap("data")
            if not group:
                if stop.asked:
                    return False
                if state.batch == 0:
                    raise UsageError(spent(state.epoch))
                self.logger.read()
                return True
            stepper = stepper or self._stepper(group)
            reseed(state.step)
            state.step += 1
            if state.rollbacks and self.recovery.leaves_out(state, self.players, len(group)):
                continue
            timer.step(group)
            self.recovery.begin(state.step, state.epoch, state.batch, group)
            self.processes.ask(
                read=now >= next_read or self.logger.full(),
                save=self.manager is not None and (stop.save or self.manager.due(state.step, now)),
            )
            self._step(stepper, group)
            state.seconds = (now := timer.last) - began  # the step ends by reading the clock
            read, save = self.processes.told()
            if read or save or steps:
                next_read = now + READ_SECONDS if read else next_read
                if self._follow(read=read, save=save):
                    return True
        return False

    def _follow(self, *, read: bool, save: bool) -> bool:
        """What follows a step where anybody wants it; whether the run is to end with it."""
        state = self.state
        if read:
            self._report()
        self.announcer.tell("on_step")
        if save and state.stopped is None:
            self.save(last=state.batch == self.config.batches)
        if state.stopped is None:
            return False
        self.logger.read()
        return True

    def _step(self, stepper: Stepper, group: list[Any]) -> None:
        """Take a step, or record that it was skipped."""
        with used(group, self.state, self.usual, self.model):
            stepper.step(self.state.step, group)
        if stepper.skipped:
            self.recovery.skipped(self, stepper.skipped)
        self.state.batch += len(group)

    def _stepper(self, group: list[Any]) -> Stepper:
        """The stepper, once `auto` settings have been chosen on the first batch."""
        autotune.settle(self, group)
        self.run_state.begin(group)
        self.usual = outline(group[0])
        parts = self.objective, self.players, self.logger, self.device, self.config.precision
        stepper = Stepper(*parts, self.timer, self.recovery.policy.kind, self.processes)
        for schedule in stepper.schedules:
            schedule.begin(self.state.epoch, self.state.history)
        return stepper

    def _report(self) -> None:
        """Read the losses of the last steps; tell the metrics file and the progress display."""
        self.announcer.report(self.logger.read())
        self.timer.lap("logging")

    def _end_epoch(self) -> bool:
        """Validate, compare with the best epoch and record; false if a signal interrupted it."""
        state, began = self.state, time.perf_counter()
        with averaged(self.players), aside():
            valid = self._validate()
        self.timer.lap("validation")
        if valid is None:
            return False
        means = self.logger.end_epoch()
        train = {f"train/{name}": value for name, value in means.items()}
        record = (
            {"step": state.step, "epoch": state.epoch + 1} | train | valid | rates(self.players)
        )
        seconds = round(state.seconds + time.perf_counter() - began, 3)
        self.announcer.report(means, {"at": "epoch"} | record)
        self.event("epoch", epoch=state.epoch + 1, seconds=seconds, **self.timer.spent())
        record["seconds"] = seconds
        state.history.append(record)
        if self.validate is not None:
            self.announcer.tell("on_validate")
        self.run_state.judge(record, self.monitor)
        self.announcer.tell("on_epoch")
        state.epoch, state.batch, state.seconds = state.epoch + 1, 0, 0.0
        ended = state.epoch >= self.config.epochs or state.stopped is not None
        if (manager := self.manager) is not None:
            due = ended or self.stop.save or manager.due(state.step, time.perf_counter())
            if self.processes.lead_says(due or manager.keeps(state.step, state.ranked)):
                self.save()
        return True

    def _validate(self) -> dict[str, float] | None:
        if self.validate is None:
            return {}
        self.processes.same_buffers(self.objective)
        with watched(inspected(self.validate, self, "validation"), self.model) as batches:
            return validation(
                self.objective, batches, model=self.model, metrics=self.metrics,
                device=self.device, precision=self.config.precision, seed=self.config.seed,
                asked=lambda: self.stop.asked, processes=self.processes,
            )  # fmt: skip

    def save(self, *, last: bool = False) -> None:
        """Write a checkpoint; not after the `last` batch, as the epoch's end will."""
        assert self.manager is not None
        if last:
            return
        self.stop.save = False
        self._report()
        self.processes.same_buffers(self.objective)
        here = self.state.best.get("step") == self.state.step and not begun(self.players)
        best = {} if here else self.run_state.best_weights
        self.manager.save(self.state.step, self.run_state.state_dict(best), self.state.ranked)
        self.announcer.tell("on_save")
        self.timer.lap("saving")

    def _interrupt(self) -> None:
        """Save a checkpoint and record that a signal ended the run."""
        if self.manager is not None:
            if not self.manager.has(self.state.step):
                self.save()
            self.manager.join()
            self.event("interrupted", step=self.state.step, signal=self.stop.asked)
        self.state.stopped = self.announcer.view.ended = "interrupted"

    def event(self, kind: str, **details: Any) -> None:
        """Add a line to the run's events."""
        if self.manager is not None:
            self.manager.folder.event(kind, **details)
