"""Which boxes are right: COCO's matching of what was found with what is there, for all at once.

In each picture and class, what was found is gone through from the highest score on. Each takes the
box that it overlaps most, of those that are still free and overlap enough; a crowd is never used
up, and what hits a crowd, or a box of another size than is asked for, counts neither as right nor
as wrong, nor does what hits nothing and is of another size itself. Of equal overlaps the last box
is taken, of equal scores the earlier, as COCO's own code has it.

The search is greedy within a picture and class, but these, the ten thresholds and the four ranges
of size do not wait for each other: the first of each are decided together, then the second. Most
of what is found overlaps nothing and needs no decision.

A count is made of batches (`update`) and of counts of other processes (`merged`, in the order of
the pictures), and is finished by `average_precision` and `recall`.

Shapes: found `n d 6`: corners as shares of the picture, score, class (-1 fills up); right answers
`n q 9` (`core.boxes`).

References:
    Tsung-Yi Lin et al. Microsoft COCO: common objects in context. ECCV 2014.
    https://arxiv.org/abs/1405.0312; the matching: https://cocodataset.org/#detection-eval
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from cartograd.core.boxes import AREA, CLASS, CORNERS, CROWD, SIZE, area, overlap
from cartograd.core.errors import UsageError

THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).tolist())
"""From which IoU on a box is right, in turn."""

RANGES = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2),
          "large": (96.0**2, 1e10)}  # fmt: skip
"""Areas in pixels of the whole picture, both ends included."""

MOST = 100
"""Boxes that count in a picture and class."""


@dataclass(frozen=True)
class Count:
    """What was found and what is there, of so many pictures.

    Attributes:
        pictures: how many.
        picture, kind, score, rank: of each box found: its picture, class, score, and its place
            among those of its picture and class.
        right, wrong: by size and threshold; what does not count is neither.
        of, what, there: of each box that is there: its picture, its class, and in which sizes it
            counts.
    """

    pictures: int
    picture: Int[Tensor, " d"]
    kind: Int[Tensor, " d"]
    score: Float[Tensor, " d"]
    rank: Int[Tensor, " d"]
    right: Bool[Tensor, "d s t"]
    wrong: Bool[Tensor, "d s t"]
    of: Int[Tensor, " q"]
    what: Int[Tensor, " q"]
    there: Bool[Tensor, "q s"]


def start() -> Count:
    """The count of no pictures."""
    none, shape = torch.zeros(0, dtype=torch.int64), (0, len(RANGES), len(THRESHOLDS))
    marks = torch.zeros(shape, dtype=torch.bool)
    return Count(0, none, none, none.double(), none, marks, marks, none, none, marks[:, :, 0])


def update(
    count: Count, found: Float[Tensor, "n d c"], targets: Float[Tensor, "n q c2"], /
) -> Count:
    """The count with the pictures of a batch behind the others."""
    return merged([count, counted(found, targets)])


def merged(counts: Sequence[Count], /) -> Count:
    """The count of all pictures, those of the first count first."""
    first = np.cumsum([0, *(count.pictures for count in counts)])[:-1].tolist()
    parts = {
        field.name: torch.cat([getattr(count, field.name) for count in counts])
        for field in fields(Count)
        if field.name not in ("pictures", "picture", "of")
    }
    moved = {
        name: torch.cat(
            [getattr(count, name) + before for count, before in zip(counts, first, strict=True)]
        )
        for name in ("picture", "of")
    }
    return Count(pictures=sum(count.pictures for count in counts), **moved, **parts)


def counted(found: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> Count:
    """The count of these pictures alone.

    Raises:
        UsageError: shapes that do not belong together, no pictures, or no numbers.
    """
    found, targets = checked(found, targets)
    scale = targets[:, :1, SIZE].repeat(1, 1, 2)
    picture, kind, score, boxes, rank = _ranked(found, scale)
    of, where = (targets[..., CLASS] >= 0).nonzero().unbind(1)
    rows = targets[of, where]
    order = (of * _KINDS + rows[:, CLASS].long()).sort(stable=True).indices
    of, rows = of[order], rows[order]
    what, crowd = rows[:, CLASS].long(), rows[:, CROWD] > 0
    low, high = torch.tensor(list(RANGES.values()), dtype=torch.float64).unbind(1)
    there = _within(rows[:, AREA], low, high) & ~crowd[:, None]
    own = rows[:, CORNERS] * scale[of, 0]
    pairs = _pairs(picture * _KINDS + kind, of * _KINDS + what, boxes, own, crowd)
    hit, ignored = _taken(pairs, len(picture), there, crowd)
    outside = ~_within(area(boxes), low, high)
    out = torch.where(hit, ignored, outside[:, :, None])
    return Count(
        len(found), picture, kind, score, rank, hit & ~out, ~hit & ~out, of, what, there
    )  # fmt: skip


_KINDS = 2**20
"""More than there are classes: a picture and a class are one number."""


def checked(
    found: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /
) -> tuple[Float[Tensor, "n d c"], Float[Tensor, "n q c2"]]:
    """Both in float64, on the processor.

    Raises:
        UsageError: shapes that do not belong together, no pictures, or no numbers.
    """
    found, targets = found.detach().cpu().double(), targets.detach().cpu().double()
    if found.ndim != 3 or targets.ndim != 3 or found.shape[2] != 6 or targets.shape[2] != 9:
        raise UsageError(
            f"outputs {tuple(found.shape)} and targets {tuple(targets.shape)} do not belong "
            "together; expected boxes found (pictures, boxes, 6) and right answers "
            "(pictures, boxes, 9), as of the task detect"
        )
    if len(found) != len(targets) or not len(found):
        raise UsageError(
            f"there are {len(found)} pictures with boxes found and {len(targets)} with right "
            "answers; expected as many of each, and one at least"
        )
    if found.isnan().any() or targets.isnan().any():
        raise UsageError("boxes that are not a number cannot be measured; the model has diverged")
    return found, targets


def _ranked(found: Tensor, scale: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """What was found in order of picture, class and falling score, with its place in the latter."""
    kinds = found[..., 5].round().long()
    picture, where = (kinds >= 0).nonzero().unbind(1)
    rows = found[picture, where]
    kind, score = kinds[picture, where], rows[:, 4]
    order = (-score).sort(stable=True).indices
    order = order[(picture * _KINDS + kind)[order].sort(stable=True).indices]
    picture, kind, score, rows = picture[order], kind[order], score[order], rows[order]
    rank = _places(picture * _KINDS + kind)
    kept = rank < MOST
    boxes = rows[:, :4] * scale[picture, 0]
    return picture[kept], kind[kept], score[kept], boxes[kept], rank[kept]


def _places(keys: Int[Tensor, " n"]) -> Int[Tensor, " n"]:
    """The place of each sorted key among those equal to it."""
    number = torch.arange(len(keys))
    first = torch.ones(len(keys), dtype=torch.bool)
    first[1:] = keys[1:] != keys[:-1]
    return number - torch.where(first, number, 0).cummax(0).values if len(keys) else number


def _within(areas: Tensor, low: Tensor, high: Tensor) -> Bool[Tensor, "n s"]:
    return (areas[:, None] >= low) & (areas[:, None] <= high)


def _pairs(
    found: Tensor, right: Tensor, boxes: Tensor, own: Tensor, crowd: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """All that overlap enough: the box found, the right one, their IoU; keys of those found."""
    first, last = (torch.searchsorted(right, found, right=side) for side in (False, True))
    times = last - first
    which = torch.arange(len(found)).repeat_interleave(times)
    start = (times.cumsum(0) - times).repeat_interleave(times)
    to = first.repeat_interleave(times) + torch.arange(len(which)) - start
    shared = overlap(boxes[which], own[to])
    mine = area(boxes)[which]
    whole = torch.where(crowd[to], mine, mine + area(own)[to] - shared)
    share = torch.where(shared > 0, shared / whole, 0.0)
    near = share >= min(THRESHOLDS)
    return which[near], to[near], share[near], found


def _taken(
    pairs: tuple[Tensor, Tensor, Tensor, Tensor], count: int, there: Tensor, crowd: Tensor
) -> tuple[Bool[Tensor, "d s t"], Bool[Tensor, "d s t"]]:
    """Whether each box found takes a right one, by size and threshold, and one that is ignored."""
    which, to, share, keys = pairs
    limits = torch.tensor(THRESHOLDS, dtype=torch.float64).clamp(max=1 - 1e-10)
    shape = (len(RANGES), len(THRESHOLDS))
    hit = torch.zeros(count, *shape, dtype=torch.bool)
    ignored, used = hit.clone(), torch.zeros(len(there), *shape, dtype=torch.bool)
    deciding, number = which.unique_consecutive(return_inverse=True)
    if not len(deciding):
        return hit, ignored
    # Those that may be taken stand in a row, the last first: of equal ones the first is found.
    place = _places(number)
    wide = int(place.max()) + 1
    options = torch.full((len(deciding), wide), -1)
    near = torch.zeros(len(deciding), wide, dtype=torch.float64)
    counts = number.bincount()
    options[number, counts[number] - 1 - place] = to
    near[number, counts[number] - 1 - place] = share
    turn = _places(keys[deciding])
    for rows in _by_turn(turn):
        width = int(counts[rows].max())
        one, overlaps = options[rows, :width], near[rows, :width, None, None]
        free = (one >= 0)[:, :, None, None] & (overlaps >= limits)
        free = free & (~used[one] | crowd[one][:, :, None, None])
        wanted = free & there[one][:, :, :, None]
        free = torch.where(wanted.any(1, keepdim=True), wanted, free)
        best, chosen = overlaps.where(free, -1.0).max(1)
        took = best >= 0
        taken = one.gather(1, chosen.flatten(1)).reshape(chosen.shape)
        mine = deciding[rows]
        hit[mine] = took
        size, limit = torch.arange(shape[0])[:, None], torch.arange(shape[1])
        ignored[mine] = took & ~there[taken, size]
        used[taken, size, limit] |= took
    return hit, ignored


def _by_turn(turn: Int[Tensor, " n"]) -> Sequence[Int[Tensor, " m"]]:
    """The rows of each turn."""
    order = turn.sort(stable=True).indices
    return order.split(turn.bincount().tolist())
