"""The roofline of a processor or a GPU: how fast it can compute, and how fast numbers come to it.

    most operations a second = min(peak, intensity * bandwidth(working set))
    intensity = operations / bytes that have to be moved,    share = reached / most

Bandwidth depends on where the numbers are: it is measured by sums and copies of growing sizes, from
those that a core's own cache holds to those that are in memory. A convolution uses each number many
times, attention some times, and a step of decoding each weight once; so a machine that is idle most
of the time may still be as fast as it can be.

Shapes: none; a convolution `4 64 28 28`, attention over 256 places, a token of 1024.

Departures: bytes are counted once for each number that is read or written, as if caches were
perfect; what a copy reads before it writes is not counted. No bandwidth is told that is below
what some work was seen to reach, or below that of a larger working set.

References:
    Samuel Williams, Andrew Waterman, David Patterson. Roofline: an insightful visual performance
    model for multicore architectures. Communications of the ACM 52(4), 2009.
    https://doi.org/10.1145/1498765.1498785

>>> found = Roofline(100.0, (Level(64, 50.0), Level(1024, 5.0)))
>>> found.most(640, 64), found.most(2048, 1024)  # ten operations a byte, and two
(100.0, 10.0)
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from cartograd.core.card import Card
from cartograd.engine.device.device import pick
from cartograd.engine.device.peak import Timer, fastest, finished, shortest

CARD = Card(
    name="roofline",
    kind="measurement",
    entry="roofline",
    nodes=("hardware/memory-hierarchy", "deploy/hardware", "deploy/cost"),
    title="Roofline: peak, and bandwidth by working set",
    zh="屋顶线模型：峰值算力与各级带宽",
    paper="Roofline: An Insightful Visual Performance Model for Multicore Architectures",
    year=2009,
    url="https://doi.org/10.1145/1498765.1498785",
    proofs=(
        "law: with a clock that stands still, bandwidths, operations and intensities are those of "
        "the formulas",
        "law: the roof is the lower of the peak and what bandwidth allows",
    ),
    evidence={
        "hardware/memory-hierarchy": (
            "test_work_is_counted_by_its_formulas",
            "claim:cache-friendly-convolution",
        ),
        "deploy/hardware": ("test_the_roof_is_the_lower_of_peak_and_bandwidth",),
        "deploy/cost": (
            "test_the_command_ranks_draws_and_tells",
            "test_work_and_predictions_are_those_of_the_formulas",
        ),
    },
    missing={"hardware/memory-hierarchy": "a measurement on a GPU"},
)

SIZES = tuple(1 << bits for bits in range(14, 29, 2))
"""Bytes of the working sets, from 16 kB to 256 MB."""

READ = 1 << 22
"""Bytes that a call reads at least: a small set is read again, so that calling is little of it."""

SECONDS = 0.06
"""How long each is repeated; the fastest counts."""


@dataclass(frozen=True)
class Level:
    """A size of working set, and how many bytes a second come from it."""

    size: int
    bandwidth: float


@dataclass(frozen=True)
class Work:
    """A piece of work.

    Attributes:
        name: of it.
        operations: multiplications and additions.
        moved: bytes that have to be read or written at least.
        seconds: that it took.
    """

    name: str
    operations: float
    moved: float
    seconds: float

    @property
    def intensity(self) -> float:
        """Operations for each byte."""
        return self.operations / self.moved

    @property
    def reached(self) -> float:
        """Operations a second."""
        return self.operations / self.seconds


@dataclass(frozen=True)
class Roofline:
    """What a machine can do at most, and what some work reaches of it.

    Attributes:
        peak: operations a second, of numbers that are there already.
        levels: bandwidths, from the smallest working set to the largest.
        works: what was timed.
    """

    peak: float
    levels: tuple[Level, ...]
    works: tuple[Work, ...] = ()

    def bandwidth(self, size: float, /) -> float:
        """Bytes a second of a working set: that of the smallest measured one that holds it."""
        return next((one for one in self.levels if one.size >= size), self.levels[-1]).bandwidth

    def most(self, operations: float, moved: float, /) -> float:
        """Operations a second that work can reach whose bytes are its working set."""
        return min(self.peak, operations / moved * self.bandwidth(moved))

    def seconds(self, operations: float, moved: float, /) -> float:
        """The least time that work takes."""
        return max(operations / self.peak, moved / self.bandwidth(moved))

    def share(self, work: Work, /) -> float:
        """What work reaches of the most."""
        return work.reached / self.most(work.operations, work.moved)

    def to_json(self) -> dict[str, Any]:
        """As JSON types, in operations and bytes a second."""
        works = [
            vars(one) | {"intensity": one.intensity, "reached": one.reached,
                         "share": self.share(one)}
            for one in self.works
        ]  # fmt: skip
        return {"peak": self.peak, "levels": [vars(one) for one in self.levels], "works": works}


def roofline(
    timer: Timer | None = None, peak: float | None = None, sizes: Sequence[int] = SIZES, /, *,
    device: str = "cpu",
) -> Roofline:  # fmt: skip
    """Measure a processor, on as many threads as torch uses, or a GPU, in float32.

    Args:
        timer: what times a call.
        peak: operations a second, where they are known.
        sizes: bytes of the working sets, growing.
        device: on which it is measured: `cpu`, `cuda`.

    Raises:
        UsageError: this machine has no such device.
    """
    place = pick(device)

    def timed(call: Callable[[], Any], seconds: float) -> float:
        return (timer or shortest)(finished(call, place), seconds)

    with torch.inference_mode(), place:
        levels = tuple(Level(size, _bandwidth(size, timed)) for size in sizes)
        works = tuple(
            Work(name, operations, moved, timed(call, 2 * SECONDS))
            for name, (operations, moved, call) in _works().items()
        )
    top = fastest(torch.float32, place, timer=timer) if peak is None else peak
    return Roofline(max(top, *(one.reached for one in works)), _at_least(levels, works), works)


def _at_least(levels: Sequence[Level], works: Sequence[Work]) -> tuple[Level, ...]:
    """Bandwidths that are no lower than what work reached, or than those of larger sets.

    A sum or a copy that was disturbed tells less than the machine can do, and no work does more.
    """
    found, least = list[Level](), 0.0
    above = math.inf
    for place, one in reversed(list(enumerate(levels))):
        below = levels[place - 1].size if place else 0
        shown = (work.moved / work.seconds for work in works if below < work.moved <= above)
        least = max(least, one.bandwidth, *shown)
        found.append(Level(one.size, least))
        above = below
    return tuple(reversed(found))


def _bandwidth(size: int, timed: Timer) -> float:
    """Bytes a second of the faster of a sum, which reads all, and a copy, which reads one half."""
    count = size // 4
    again = max(1, READ // size)
    x, y = torch.ones(count), torch.ones(count // 2)
    half = x[: count // 2]
    reading = x.expand(again, count)
    read = timed(lambda: reading.sum(1), SECONDS)

    def copies() -> None:
        for _ in range(again):
            y.copy_(half)

    copied = timed(copies, SECONDS)
    return max(again * size / read, again * size / copied)


def _works() -> Mapping[str, tuple[float, float, Callable[[], Any]]]:
    """A 3x3 convolution, attention, and a feed-forward part for one token: a step of decoding."""
    b, c, side = 4, 64, 28
    images, kernel = torch.ones(b, c, side, side), torch.ones(c, c, 3, 3)
    heads, t, d = 8, 256, 64
    q, k, v = (torch.ones(1, heads, t, d) for _ in range(3))
    wide, narrow = torch.ones(4096, 1024), torch.ones(1024, 4096)
    token = torch.ones(1, 1024)
    pixels = b * c * side * side
    return {
        "convolution": (
            2.0 * 9 * c * pixels, 4.0 * (2 * pixels + 9 * c * c),
            lambda: F.conv2d(images, kernel, padding=1),
        ),
        "attention": (
            4.0 * heads * t * t * d, 4.0 * 4 * heads * t * d,
            lambda: F.scaled_dot_product_attention(q, k, v),
        ),
        "decode step": (
            4.0 * wide.numel(), 4.0 * (2 * wide.numel() + 2 * 1024 + 2 * 4096),
            lambda: F.linear(F.linear(token, wide), narrow),
        ),
    }  # fmt: skip
