"""Which range of its numbers an activation is rounded in: four observers.

A histogram of what an activation was on some examples is all that they look at. A range that holds
every number has a coarse grid; a smaller one cuts off the numbers outside of it.

    min-max      from the least to the largest number
    percentile   without a ten-thousandth of all numbers, half of that at either end
    mse          the share of that range with the least mean squared error of rounding
    kl           the share with the least KL divergence of the rounded from the exact histogram

References:
    Szymon Migacz. 8-bit inference with TensorRT. GTC 2017.
    https://on-demand.gputechconf.com/gtc/2017/presentation/s7310-8-bit-inference-with-tensorrt.pdf
    Raghuraman Krishnamoorthi. Quantizing deep convolutional networks for efficient inference: a
    whitepaper. 2018. https://arxiv.org/abs/1806.08342
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.practice.compression.grid import Grid, extents, grid_of

Observer = Literal["min-max", "percentile", "mse", "kl"]

BINS = 2048
CUT = 1e-4
"""Share of the numbers that `percentile` cuts off."""
SHARES = torch.linspace(0.05, 1, 96, dtype=torch.float64)
"""Shares of the whole range that `mse` and `kl` try."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """How often an activation's numbers fell between even marks.

    Attributes:
        counts: of each bin.
        low: where the first begins.
        high: where the last ends.
    """

    counts: Float[Tensor, " n"]
    low: float
    high: float

    @property
    def middles(self) -> Float[Tensor, " n"]:
        """The middle of each bin."""
        width = (self.high - self.low) / len(self.counts)
        return self.low + width * (torch.arange(len(self.counts), dtype=torch.float64) + 0.5)


def counted(values: Float[Tensor, "..."], low: float, high: float, /) -> Float[Tensor, " n"]:
    """The counts of a histogram of numbers within a range."""
    if high <= low:
        return torch.eye(1, BINS, dtype=torch.float64)[0] * values.numel()
    return torch.histc(values.float(), BINS, low, high).double()


def grid_for(seen: Histogram, observer: Observer, /, *, bits: int) -> Grid:
    """The asymmetric grid of the range that an observer chooses.

    Args:
        seen: what the activation was.
        observer: which one.
        bits: of the grid.
    """
    low, high = RANGES[observer](seen, bits)
    return grid_of(torch.tensor(low), torch.tensor(high), bits=bits, symmetric=False)


def _whole(seen: Histogram, _: int) -> tuple[float, float]:
    return seen.low, seen.high


def _percentile(seen: Histogram, _: int) -> tuple[float, float]:
    below = seen.counts.cumsum(0) / seen.counts.sum()
    width = (seen.high - seen.low) / len(seen.counts)
    first = int((below <= CUT / 2).sum())
    last = int((below < 1 - CUT / 2).sum())
    return seen.low + width * first, seen.low + width * (last + 1)


def _mse(seen: Histogram, bits: int) -> tuple[float, float]:
    x = seen.middles

    def error(grid: Grid) -> float:
        return float((seen.counts * (grid.nearest(x) - x) ** 2).sum())

    return _best(seen, bits, error)


def _kl(seen: Histogram, bits: int) -> tuple[float, float]:
    x, size = seen.middles, len(seen.counts)
    width = (seen.high - seen.low) / size
    counts = seen.counts.where((x.abs() > width), 0)  # zeros are exact on any grid, and many
    there = counts > 0

    def divergence(grid: Grid) -> float:
        ends = ((torch.tensor([grid.low, grid.high]) - grid.zero) * grid.scale).tolist()
        inside = (x >= ends[0]) & (x <= ends[1])
        if not bool(inside.any()):
            return float("inf")
        marks = inside.nonzero()[:, 0]
        # What is cut off comes to lie at the ends; the rounded histogram does not know of it.
        exact = torch.zeros(size, dtype=torch.float64).index_add(
            0, torch.arange(size).clamp(int(marks[0]), int(marks[-1])), counts
        )
        level = grid.quantised(x.clamp(*ends)).long()
        sums, shared = (
            torch.zeros(256, dtype=torch.float64).index_add(0, level[inside], one[inside])
            for one in (counts, there.double())
        )
        rounded = (sums / shared.clamp(min=1))[level] * (there & inside)
        p, q = exact / exact.sum(), rounded / rounded.sum().clamp(min=1e-12)
        some = p > 0
        return float((p[some] * (p[some] / q[some].clamp(min=1e-12)).log()).sum())

    return _best(seen, bits, divergence)


def _best(seen: Histogram, bits: int, cost: Callable[[Grid], float]) -> tuple[float, float]:
    ends = [(seen.low * share, seen.high * share) for share in SHARES.flip(0).tolist()]
    pair = [
        grid_of(torch.tensor(low).double(), torch.tensor(high).double(), bits=bits, symmetric=False)
        for low, high in ends
    ]
    return min(zip(map(cost, pair), ends, strict=True), key=lambda one: one[0])[1]


RANGES = {"min-max": _whole, "percentile": _percentile, "mse": _mse, "kl": _kl}


def weight_grid(weight: Float[Tensor, "d2 ..."], observer: Observer, /, *, bits: int) -> Grid:
    """The symmetric grid of each row of a weight: of the share of its range with the least error.

    Min-max takes the whole of the range; of weights there are few, so the others look at the
    squared error itself.
    """
    low, high = extents(weight, each=(0,))
    whole = grid_of(low, high, bits=bits)
    if observer == "min-max":
        return whole
    rest = tuple(range(1, weight.ndim))
    best, scale = torch.full_like(whole.scale, torch.inf), whole.scale
    for share in SHARES.flip(0).tolist():
        grid = Grid(whole.scale * share, whole.zero, whole.low, whole.high)
        error = ((grid.nearest(weight) - weight) ** 2).sum(rest, keepdim=True)
        scale = torch.where(error < best, grid.scale, scale)
        best = torch.minimum(error, best)
    return Grid(scale, whole.zero, whole.low, whole.high)
