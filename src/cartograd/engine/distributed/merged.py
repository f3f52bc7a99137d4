"""Means and weights that several processes logged, as those of one."""

from collections.abc import Iterable, Sequence
from typing import Any


def merged(parts: Iterable[Sequence[Any]], /) -> list[Any]:
    """By step, name and time, over the processes: mean, weight, and whether it is a loss."""
    sums: dict[tuple[Any, ...], list[float]] = {}
    for part in parts:
        seen: dict[tuple[Any, ...], int] = {}
        for step, name, mean, weight, loss in part:
            times = seen[step, name] = seen.get((step, name), 0) + 1
            entry = sums.setdefault((step, name, times, loss), [0.0, 0.0])
            entry[0] += mean * weight if weight else 0.0
            entry[1] += weight
    means = [
        (step, name, total / weight if weight else 0.0, weight, loss)
        for (step, name, _, loss), (total, weight) in sums.items()
    ]
    return sorted(means, key=lambda record: record[0])
