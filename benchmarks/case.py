"""What a workload file declares, and the clock that its sides use."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


class Timer:
    """Measures the part of a side that counts; set-up and the answer stay outside of it."""

    def __init__(self) -> None:
        self.count, self.cpu, self.wall = 0, 0.0, 0.0

    @contextmanager
    def __call__(self, count: int) -> Iterator[None]:
        """Time the block as `count` units of work. CPU time is that of all threads."""
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        self.cpu += time.process_time() - cpu
        self.wall += time.perf_counter() - wall
        self.count += count


FOLDER = "CARTOGRAD_BENCH_FOLDER"
"""The environment variable that tells a side where its case's files are."""


def files() -> Path:
    """Where the case's files are; within a side only."""
    return Path(os.environ[FOLDER])


@dataclass(frozen=True)
class Command:
    """A side that is a whole process, timed from its start to its end.

    Attributes:
        argv: what to run; `python` stands for this interpreter.
        answer: how to read its answer off what it printed.
    """

    argv: tuple[str, ...]
    answer: Callable[[str], list[float]] = lambda _: []


Side = Callable[[Timer], Sequence[float]] | Command


FLOAT32 = "peak_f32"
"""The probe's reading of the peak of float32, in which all compute unless told otherwise."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One comparison.

    Attributes:
        name: short, unique in its file.
        what: what is timed, in a sentence or two.
        unit: what one unit of work is called.
        sides: ours first. A side is a function that times itself and returns its answer, or a
            `Command`. It imports what it needs inside, since the runner loads this file too.
        asked: for a rival, the least ratio (its time over ours) that we promise.
        tolerance: the largest difference between answers that counts as equal, relative to
            the largest number of our answer.
        seconds: the longest a side may take.
        torchvision: whether a side is torchvision's; otherwise it is hidden from all sides.
        prepare: makes the files that the sides read, once, in a process of its own.
        flops: counts the floating-point operations of one unit, the same on every side.
        peak: the probe's reading (GFLOP/s) of the number format that ours is left to choose.
        moved: for a side, the bytes that one unit has to read from memory at least.
    """

    name: str
    what: str
    unit: str
    sides: dict[str, Side]
    asked: dict[str, float] = field(default_factory=dict)
    tolerance: float = 1e-5
    seconds: float = 600.0
    torchvision: bool = False
    prepare: Callable[[Path], None] | None = None
    flops: Callable[[], float] | None = None
    peak: str = FLOAT32
    moved: dict[str, float] = field(default_factory=dict)

    @property
    def ours(self) -> str:
        """The name of our side."""
        return next(iter(self.sides))
