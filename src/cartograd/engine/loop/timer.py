"""The timer of a run: seconds per phase, at the cost of a few clock readings a step."""

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


class Timer:
    """Adds up seconds by phase; what lies between two laps belongs to the second.

    Args:
        device: on which the work is done.
    """

    def __init__(self, device: torch.device, /) -> None:
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self.examples = 0
        self.steps = 0
        self.queued = device.type == "cuda"
        self.exact = not self.queued
        self.unsplit = 0.0
        self.profiler: Profiler | None = None
        self.last = time.perf_counter()

    def start(self) -> None:
        """Begin to count from here."""
        self.last = time.perf_counter()

    def step(self, group: Sequence[Any], /) -> None:
        """A step on these batches begins."""
        for batch in group:
            self.examples += examples(batch)
        self.steps += 1
        if self.queued:
            self.exact = self.steps % SAMPLE == 1
        if self.profiler is not None:
            self.profiler.step()

    def close(self) -> None:
        """The run is over, for whatever reason."""
        if self.profiler is not None:
            self.profiler.close()

    def lap(self, phase: str, /) -> None:
        """What happened since the last lap was this phase."""
        if self.queued and self.exact:
            torch.cuda.synchronize()
        now = time.perf_counter()
        if self.exact or phase not in STEP:
            self.seconds[phase] += now - self.last
        else:
            self.unsplit += now - self.last
        self.last = now

    def spent(self) -> dict[str, Any]:
        """Examples and seconds per phase since this was last asked, and the most memory so far."""
        seconds, self.seconds = self.seconds, dict.fromkeys(PHASES, 0.0)
        unsplit, self.unsplit = self.unsplit, 0.0
        timed = sum(seconds[phase] for phase in STEP)
        for phase in STEP:
            seconds[phase] += unsplit * (seconds[phase] / timed if timed else 1 / len(STEP))
        count, self.examples = self.examples, 0
        phases = {phase: round(value, 6) for phase, value in seconds.items()}
        return {"examples": count, "phases": phases, "peak_memory": peak_memory()}


def peak_memory() -> int | None:
    """The most bytes of memory that this process has held; None where that is not known."""
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
