"""Boxes that go with their pictures when pixels change their places.

Whatever moves pixels here, moves them by one affine map a picture: flips, crops, turns, zooms. The
map is read off where some of the new pixels came from (`moved.origins`), turned round, and the
corners of each box are moved by it; the box is the smallest one around them, as far as it is in the
picture. One that is mostly gone is no longer to be found.

>>> from cartograd.core.build import build
>>> from cartograd.core.boxes import right_answers
>>> method = build("flip:p=1.0", kind="augmentation")
>>> rng = CounterRandom(torch.tensor([3]))
>>> rows = right_answers([[(0, 1, 2, 4, 8)]], [(10, 10)])
>>> _, found = with_boxes(method, torch.zeros(1, 1, 10, 10), rows, rng)
>>> (found[0, 0, 1:5] * 10).round().tolist()
[6.0, 2.0, 9.0, 8.0]
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.boxes import AREA, CLASS, CORNERS, ROW, area
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.data.dataset.moved import Method, moves, origins

LEFT = 0.3
"""Of a box of which less is left in the picture nothing can be asked."""

WHOLE = 0.999
"""A pixel came from within the picture."""


def with_boxes(
    method: Method, x: Shaped[Tensor, "b c y x"], y: Float[Tensor, "b q n"], rng: CounterRandom, /
) -> tuple[Shaped[Tensor, "b c y x"], Float[Tensor, "b q n"]]:
    """Pictures changed by a method, and boxes that have moved as the pixels have."""
    changed = method(x, rng)
    if not moves(method):
        return changed, y
    height, width = x.shape[2:]
    matrix, known = _forward(origins(method, height, width, rng), height, width)
    left, top, right, bottom = y[..., CORNERS].double().cpu().unbind(-1)
    across = torch.stack([left, right, right, left], -1) * width
    along = torch.stack([top, top, bottom, bottom], -1) * height
    corners = torch.stack([along, across, torch.ones_like(along)], -1)  # b q 4 3
    rows, columns = torch.einsum("bij,bqkj->bqki", matrix, corners).unbind(-1)
    whole = torch.stack([columns.amin(-1), rows.amin(-1), columns.amax(-1), rows.amax(-1)], -1)
    limits = torch.tensor([width, height, width, height], dtype=torch.float64)
    seen = torch.minimum(whole.clamp(min=0), limits)
    share = area(seen) / area(whole).clamp(min=1e-9)
    kept = (share >= LEFT) & (y[..., CLASS].cpu() >= 0) & known[:, None]
    grown = area(seen / limits) / area(y[..., CORNERS].double().cpu()).clamp(min=1e-12)
    found = y.clone()
    found[..., CORNERS] = (seen / limits).to(y)
    found[..., AREA] = y[..., AREA] * grown.to(y)
    found[..., CLASS] = torch.where(kept.to(y.device), y[..., CLASS], -1.0)
    gone = found[..., CLASS : CLASS + 1] < 0
    columns_of = torch.arange(ROW, device=y.device)
    inside = (columns_of >= 1) & (columns_of <= AREA)
    return changed, found.masked_fill(gone & inside, 0.0)


def _forward(
    places: Float[Tensor, "b 3 y x"], height: int, width: int
) -> tuple[Float[Tensor, "b 2 3"], Tensor]:
    """The map from old to new rows and columns of each picture, and whether there is one.

    Args:
        places: where each new pixel came from.
        height: of the pictures.
        width: of the pictures.
    """
    rows = torch.arange(height, dtype=torch.float64)[:, None].add(0.5).expand(height, width)
    columns = torch.arange(width, dtype=torch.float64).add(0.5).expand(height, width)
    new = torch.stack([rows, columns], -1).reshape(-1, 2)
    row, column, there = places.double().cpu().flatten(2).unbind(1)
    # Crops may mirror or repeat the picture at its edge; its middle is moved as a whole.
    middle = ((new[:, 0] / height - 0.5).abs() <= 0.25) & ((new[:, 1] / width - 0.5).abs() <= 0.25)
    inside = ((there >= WHOLE) & middle).double()
    old = torch.stack([row, column, torch.ones_like(row)], -1) * inside[..., None]  # b n 3
    # Least squares by normal equations; a little ridge keeps pictures without pixels solvable.
    square = old.mT @ old + 1e-9 * torch.eye(3, dtype=torch.float64)
    both = old.mT @ (new * inside[..., None])
    return torch.linalg.solve(square, both).mT, inside.sum(1) >= 3
