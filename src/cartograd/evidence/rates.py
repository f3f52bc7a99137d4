"""The best learning rate by a search over a grid, which is never left with a best at its edge."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

WIDENED = 6
"""Most rates that are added at either end."""


class Best(NamedTuple):
    """A rate and whether it can be called the best.

    Attributes:
        rate: that of the least loss.
        inside: rates on both sides of it were tried, and are worse.
        tried: every rate that was tried, ascending, with its loss.
    """

    rate: float
    inside: bool
    tried: tuple[tuple[float, float], ...]


def best_rate(loss: Callable[[float], float], grid: Sequence[float], /) -> Best:
    """The rate of the least loss; while that is at an edge, the grid goes on beyond it.

    Args:
        loss: what is to be least, from a rate; infinite where a training broke down.
        grid: ascending rates of a constant ratio, three at least.

    >>> best_rate(lambda rate: abs(rate - 8.0), [1.0, 2.0, 4.0])[:2]
    (8.0, True)
    """
    factor = grid[1] / grid[0]
    tried = {rate: loss(rate) for rate in grid}
    for _ in range(WIDENED):
        rate = min(tried, key=tried.__getitem__)
        if min(tried) < rate < max(tried):
            break
        beyond = rate * factor if rate == max(tried) else rate / factor
        tried[beyond] = loss(beyond)
    rate = min(tried, key=tried.__getitem__)
    inside = min(tried) < rate < max(tried)
    return Best(rate, inside, tuple(sorted(tried.items())))
