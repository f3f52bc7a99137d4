"""The timer: seconds of each phase of a run, from a few clock readings per step.

Where the readings would cost too much (fast steps; a GPU, whose work is only queued) only some
steps are timed part by part, and the time of the others is divided in the same proportion.
"""

import sys
import time
from collections.abc import Sequence
from typing import Any

import torch

from cartograd.engine.inputs.stream import examples
from cartograd.engine.loop.profiler import Profiler

STEP: tuple[str, ...] = ("forward", "backward", "optimizer")
PHASES: tuple[str, ...] = ("data", *STEP, "logging", "validation", "saving")
"""Waiting for data; the three parts of a step; reading losses and writing lines; validation;
checkpoints (as far as training waits for them)."""

SAMPLE = 50
"""On a GPU, where work is only queued, every so many steps one waits at each part to be timed."""
QUICK, QUICK_SAMPLE = 1e-3, 10
"""Of steps that take fewer seconds, every so many are split, and the first after each report."""


class Timer:
    """Adds up seconds by phase; the time between two laps belongs to the second.

    Args:
        device: where the work is done.
    """

    def __init__(self, device: torch.device, /) -> None:
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self.examples = 0
        self.steps = 0
        self.queued = device.type == "cuda"
        self.exact = not self.queued
        self.unsplit = 0.0
        self.since = 0
        self.begun = 0.0
        self.profiler: Profiler | None = None
        self.last = time.perf_counter()

    def start(self) -> None:
        """Start timing now."""
        self.last = time.perf_counter()

    def step(self, group: Sequence[Any], /) -> None:
        """Begin a step on these batches."""
        for batch in group:
            self.examples += examples(batch)
        self.steps += 1
        if self.queued:
            self.exact = self.steps % SAMPLE == 1
        else:
            slow = self.last - self.begun > QUICK
            self.exact = slow or self.since % QUICK_SAMPLE == 0
            self.begun = self.last
            self.since += 1
        if self.profiler is not None:
            self.profiler.step()

    def close(self) -> None:
        """End the profiler's trace, if there is one."""
        if self.profiler is not None:
            self.profiler.close()

    def lap(self, phase: str, /) -> None:
        """Add the time since the last lap to this phase."""
        if self.queued and self.exact:
            torch.cuda.synchronize()
        now = time.perf_counter()
        if self.exact or phase not in STEP:
            self.seconds[phase] += now - self.last
        else:
            self.unsplit += now - self.last
        self.last = now

    def part(self, phase: str, /) -> None:
        """A lap, in those steps that are timed part by part."""
        if self.exact:
            self.lap(phase)

    def spent(self) -> dict[str, Any]:
        """Examples and seconds per phase since the last call, and the peak memory so far."""
        seconds, self.seconds = self.seconds, dict.fromkeys(PHASES, 0.0)
        unsplit, self.unsplit = self.unsplit, 0.0
        timed = sum(seconds[phase] for phase in STEP)
        for phase in STEP:
            seconds[phase] += unsplit * (seconds[phase] / timed if timed else 1 / len(STEP))
        count, self.examples, self.since = self.examples, 0, 0
        phases = {phase: round(value, 6) for phase, value in seconds.items()}
        return {"examples": count, "phases": phases, "peak_memory": peak_memory()}


def peak_memory() -> int | None:
    """The peak memory of this process in bytes; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # on Windows
        return None

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
