"""Boxes: the figures of each class and size, and pictures with what is there and what was found."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from cartograd.apps.report.parts import Section, Table, Tile, table, tiles
from cartograd.apps.report.pictures import image
from cartograd.apps.results import of_boxes
from cartograd.core.boxes import CLASS, CORNERS
from cartograd.core.ports import Port
from cartograd.data.dataset.dataset import Examples

if TYPE_CHECKING:
    from cartograd.apps.results.evaluation import Evaluation

SHOWN = 6
"""Pictures that are shown."""

SURE = 0.3
"""The score from which on a box that was found is drawn."""

THERE, FOUND = (0.17, 0.63, 0.17), (0.84, 0.15, 0.16)
"""Green and red."""


def boxed(examples: Examples, found: "Evaluation") -> Section | None:
    """A row for each class and size, and the first pictures; nothing of other answers.

    Args:
        examples: what was answered.
        found: what came of that.
    """
    rows = found.boxes
    if not rows:
        return None
    body = table(Table(list(of_boxes.HEAD), [one.row() for one in rows]))
    count = min(SHOWN, len(examples))
    some = examples.select(range(count))
    port, tinted = some.signature.input, Port("boxes", "image", (3, "y", "x"), bounds=(0.0, 1.0))
    shown = []
    for x, right, said in zip(
        some.inputs, found.targets[:count], found.outputs[:count], strict=True
    ):
        low, high = port.bounds or (float(x.min()), float(x.max()))
        plain = ((x.double() - low) / (high - low)).clamp(0, 1).expand(3, -1, -1)
        drawn = framed(plain, right[right[:, CLASS] >= 0][:, CORNERS], THERE)
        drawn = framed(drawn, said[said[:, 4] >= SURE][:, :4], FOUND)
        name = examples.name(len(shown))
        shown.append(Tile((image(drawn, tinted, alt=f"{name} with its boxes"),), caption=name))
    lead = (
        "Averaged over IoU thresholds from 0.5 to 0.95 (AP), and at one of them; intervals are of "
        "pictures drawn again. Below are the first pictures: green is what is there, red what was "
        f"found with a score of {SURE} or more."
    )
    return Section("boxes", "Boxes by class and size", lead, body + tiles(shown))


def framed(picture: Tensor, corners: Tensor, colour: tuple[float, float, float], /) -> Tensor:
    """A picture `3 y x` with the frames of boxes, a pixel wide.

    Args:
        picture: in 0 to 1.
        corners: left, top, right, bottom of each box, as shares.
        colour: of the frames.

    >>> framed(torch.zeros(3, 4, 4), torch.tensor([[0.0, 0.0, 1.0, 1.0]]), (1.0, 0.0, 0.0))[0].sum()
    tensor(12.)
    """
    picture, (y, x) = picture.clone(), picture.shape[1:]
    ink = torch.tensor(colour, dtype=picture.dtype)[:, None]
    scale = torch.tensor([x, y, x, y])
    for box in (corners.cpu() * scale).round().long():
        left, top = (int(one.clamp(min=0)) for one in box[:2])
        right, bottom = (int(one) - 1 for one in torch.minimum(box[2:], scale[2:]))
        if right < left or bottom < top:
            continue
        for row in (top, bottom):
            picture[:, row, left : right + 1] = ink
        for column in (left, right):
            picture[:, top : bottom + 1, column] = ink
    return picture
