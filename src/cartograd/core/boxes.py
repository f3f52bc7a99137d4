"""Boxes: how they are written, their areas, how far two overlap, and how far they are apart.

A box is its corners: left, top, right, bottom, with left < right and top < bottom. Right answers of
a picture are rows of nine numbers: the class, the corners as shares of the picture's width and
height, whether it is a crowd, its area in pixels, and the picture's width and height in pixels
(by which COCO tells small things from large ones). Pictures have different numbers of boxes: rows
of class -1 fill up.

>>> one, other = torch.tensor([0.0, 0.0, 2.0, 2.0]), torch.tensor([1.0, 0.0, 3.0, 2.0])
>>> round(iou(one, other).item(), 4), round(giou(one, other).item(), 4)
(0.3333, 0.3333)
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

CLASS, CORNERS, CROWD, AREA, SIZE = 0, slice(1, 5), 5, 6, slice(7, 9)
"""Where the numbers of a right answer stand in its row."""

ROW = 9
"""How many they are."""

Box = tuple[int, float, float, float, float]
"""A class and corners in pixels."""


@runtime_checkable
class Positioned(Protocol):
    """A detector that says from where each of its boxes is seen.

    Attributes:
        positions: of each the middle of the position, its stride, and the least and largest
            distance to a side of the boxes that it is to learn, as shares of the picture.
    """

    positions: Tensor


def area(boxes: Float[Tensor, "*n 4"], /) -> Float[Tensor, "*n"]:
    """Width times height."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def overlap(one: Float[Tensor, "*n 4"], other: Float[Tensor, "*m 4"], /) -> Float[Tensor, "..."]:
    """The area of what two boxes share; shapes broadcast."""
    low = torch.maximum(one[..., :2], other[..., :2])
    high = torch.minimum(one[..., 2:], other[..., 2:])
    return (high - low).clamp_min(0).prod(-1)


def iou(one: Float[Tensor, "*n 4"], other: Float[Tensor, "*m 4"], /) -> Float[Tensor, "..."]:
    """What two boxes share over what they cover together; 0 where they share nothing."""
    shared = overlap(one, other)
    return _over(shared, area(one) + area(other) - shared)


def giou(one: Float[Tensor, "*n 4"], other: Float[Tensor, "*m 4"], /) -> Float[Tensor, "..."]:
    """IoU less the share of the box around both that neither covers: below 0 where far apart."""
    shared = overlap(one, other)
    covered = area(one) + area(other) - shared
    low = torch.minimum(one[..., :2], other[..., :2])
    high = torch.maximum(one[..., 2:], other[..., 2:])
    around = (high - low).clamp_min(0).prod(-1)
    return _over(shared, covered) - _over(around - covered, around)


def right_answers(
    pictures: Sequence[Sequence[Box]],
    sizes: Sequence[tuple[int, int]],
    /,
    *,
    crowds: Sequence[Sequence[bool]] = (),
    areas: Sequence[Sequence[float]] = (),
) -> Float[Tensor, "n q 9"]:
    """The rows of each picture's boxes.

    Args:
        pictures: of each the classes and corners in pixels.
        sizes: width and height of each.
        crowds: whether a box is around many things of a class; none if left out.
        areas: of what is in the boxes; theirs if left out.
    """
    most = max(1, *map(len, pictures)) if pictures else 1
    rows = torch.zeros(len(pictures), most, ROW)
    rows[..., CLASS] = -1
    if len(pictures):
        rows[..., SIZE] = torch.tensor(sizes, dtype=torch.float32)[:, None]
    for number, (found, (width, height)) in enumerate(zip(pictures, sizes, strict=True)):
        if not found:
            continue
        boxes = torch.tensor(found, dtype=torch.float64)
        corners, mine = boxes[:, 1:], slice(len(found))
        rows[number, mine, CLASS] = boxes[:, 0].float()
        shares = corners / torch.tensor([width, height, width, height], dtype=torch.float64)
        rows[number, mine, CORNERS] = shares.float()
        own = torch.tensor(areas[number]) if areas else area(corners)
        rows[number, mine, AREA] = own.float()
        if crowds:
            rows[number, mine, CROWD] = torch.tensor(crowds[number]).float()
    return rows


def _over(part: Tensor, whole: Tensor) -> Tensor:
    """A share, and 0 of nothing, with gradients that are finite there."""
    there = whole > 0
    return torch.where(there, part / whole.where(there, torch.ones_like(whole)), 0.0)
