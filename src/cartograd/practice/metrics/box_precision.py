"""From counts of boxes to precision at recalls: COCO's mean average precision, and its recall.

Boxes of a class are gone through from the highest score on. Recall is the share of those there
that have been found by then, precision the share of those found that are right; precision is
raised to the best at any higher recall, and averaged over 101 recalls from 0 to 1.

Pictures may have weights, so that intervals can be made of pictures drawn again: matching them is
then done once. A class that is nowhere in the pictures has no precision, and is left out.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.errors import UsageError, unknown
from cartograd.practice.metrics.interval import draws, sides
from cartograd.practice.metrics.matched_boxes import MOST, RANGES, THRESHOLDS, Count

RECALLS = torch.from_numpy(np.linspace(0.0, 1.0, 101))
EPSILON = float(np.spacing(1))
RESAMPLES = 200
"""Times that the pictures are drawn again for an interval."""

ROOM = 2**22
"""Most numbers of one class that are held at once."""


def precision(
    count: Count,
    weights: Float[Tensor, "b n"] | None = None,
    /,
    *,
    iou: float | None = None,
    area: str = "all",
) -> Float[Tensor, "b k"]:
    """The average precision of each class, over all thresholds or at one; NaN where it is nowhere.

    Args:
        count: of all pictures.
        weights: how often each picture counts, for several weightings; once if left out.
        iou: the threshold; the mean over all ten if left out.
        area: of the boxes that count: all, small, medium or large.

    Raises:
        UsageError: no such threshold or size.
    """
    limits, size = _chosen(iou, area)
    found = []
    for own, there, weighed in _classes(count, weights, size):
        right = count.right[own, size][:, limits].double()
        wrong = count.wrong[own, size][:, limits].double()
        rows = max(1, ROOM // max(1, right.numel()))
        parts = zip(weighed.split(rows), there.split(rows), strict=True)
        found.append(torch.cat([_average(right, wrong, *part) for part in parts]))
    return torch.stack(found, 1)


def recall(
    count: Count,
    weights: Float[Tensor, "b n"] | None = None,
    /,
    *,
    iou: float | None = None,
    area: str = "all",
    most: int = MOST,
) -> Float[Tensor, "b k"]:
    """The share of the boxes there that are found, by class; NaN where it is nowhere.

    Args:
        count: of all pictures.
        weights: how often each picture counts, for several weightings; once if left out.
        iou: the threshold; the mean over all ten if left out.
        area: of the boxes that count: all, small, medium or large.
        most: boxes found that count in each picture and class, the surest.

    Raises:
        UsageError: no such threshold or size.
    """
    limits, size = _chosen(iou, area)
    found = []
    for own, there, weighed in _classes(count, weights, size):
        right = count.right[own, size][:, limits].double() * (count.rank[own] < most)[:, None]
        each = ((weighed @ right) / _positive(there)[:, None]).mean(1)
        found.append(each.where(there > 0, torch.nan))
    return torch.stack(found, 1)


def of_classes(each: Float[Tensor, "b k"], /) -> Float[Tensor, " b"]:
    """The mean over the classes that there are.

    Raises:
        UsageError: there are none, whatever the weights.
    """
    if each.isnan().all():
        raise UsageError(
            "no box of this size is there to be found; expected one at least in the right answers"
        )
    return each.nanmean(1)


def resampled(
    measure: Callable[[Count, Tensor], Tensor], count: Count, /, *, level: float
) -> tuple[float, float]:
    """The interval of a measure of counts, pictures drawn with replacement."""
    generator = torch.Generator().manual_seed(0)
    weights = torch.cat(list(draws(count.pictures, RESAMPLES, generator))).double()
    ends = torch.tensor(sides(count.pictures, level), dtype=torch.float64)
    low, high = measure(count, weights).nanmean(1).nanquantile(ends).tolist()
    return low, high


def _chosen(iou: float | None, area: str) -> tuple[list[int], int]:
    """The numbers of the thresholds, and of the size."""
    if area not in RANGES:
        raise unknown("area", area, tuple(RANGES))
    if iou is None:
        return list(range(len(THRESHOLDS))), list(RANGES).index(area)
    near = [number for number, limit in enumerate(THRESHOLDS) if abs(limit - iou) < 1e-9]
    if not near:
        raise UsageError(f"iou={iou}: expected one of 0.5, 0.55, ..., 0.95, or none for their mean")
    return near, list(RANGES).index(area)


def _classes(
    count: Count, weights: Tensor | None, size: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Of each class: what was found, from the highest score on; how much is there; the weights."""
    if weights is None:
        weights = torch.ones(1, count.pictures, dtype=torch.float64)
    classes = 1 + max(int(one.max()) if len(one) else -1 for one in (count.kind, count.what))
    if not classes:
        raise UsageError("there is nothing to measure: no boxes found, and none to be found")
    ranked = (-count.score).sort(stable=True).indices
    ranked = ranked[count.kind[ranked].sort(stable=True).indices]
    owned = ranked.split(count.kind.bincount(minlength=classes).tolist())
    kept = count.there[:, size]
    for kind, own in enumerate(owned):
        there = weights[:, count.of[kept & (count.what == kind)]].sum(1)
        yield own, there, weights[:, count.picture[own]]


def _average(right: Tensor, wrong: Tensor, weights: Tensor, there: Tensor) -> Tensor:
    """The average precision under each weighting, `b`, of marks `d t` and weights `b d`."""
    if not len(right):
        return torch.zeros_like(there).where(there > 0, torch.nan)
    known = _positive(there)
    hits = (weights[:, None] * right.T).cumsum(2)  # b t d
    misses = (weights[:, None] * wrong.T).cumsum(2)
    reached = hits / known[:, None, None]
    exact = hits / (hits + misses + EPSILON)
    best = exact.flip(2).cummax(2).values.flip(2)
    places = torch.searchsorted(reached, RECALLS.expand(*reached.shape[:2], -1).contiguous())
    inside = places < reached.shape[2]
    values = best.gather(2, places.clamp(max=reached.shape[2] - 1)) * inside
    return values.mean((1, 2)).where(there > 0, torch.nan)


def _positive(there: Tensor) -> Tensor:
    """What may be divided by, also under a derivative."""
    return there.where(there > 0, 1.0)
