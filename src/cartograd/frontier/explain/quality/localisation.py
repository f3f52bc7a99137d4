"""Localisation: whether an explanation of one picture in a mosaic looks at that picture.

Four pictures that the model is sure of, each of another class, make a mosaic. An attribution of
one's class should lie where it is: counted is the share of what speaks for the class, the positive
part, in the right cell. Random numbers have a quarter. Only models that take pictures of any size
can be asked (the grid pointing game).

References:
    Moritz Bohle, Mario Fritz, Bernt Schiele. Convolutional dynamic alignment networks for
    interpretable classifications. CVPR 2021. https://arxiv.org/abs/2104.00032
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.errors import UsageError

MOST = 24
"""Mosaics that are made."""

Explain = Callable[[Float[Tensor, "n c y x"], Int[Tensor, " n"]], Float[Tensor, "n c y x"]]
"""An attribution of pictures for a class each."""


def mosaics(
    x: Float[Tensor, "b c y x"],
    said: Int[Tensor, " b"],
    sure: Float[Tensor, " b"],
    /,
    *,
    most: int = MOST,
    seed: int = 0,
) -> tuple[Float[Tensor, "m c y2 x2"], Int[Tensor, "m 4"]]:
    """Mosaics of four pictures of four classes, each picture in one at most, the surest first.

    Args:
        x: pictures.
        said: the model's answer to each.
        sure: how sure it is.
        most: mosaics that are made.
        seed: of which classes meet where.

    Returns:
        Mosaics, and the classes of their cells: above left and right, below left and right.

    Raises:
        UsageError: there are no four classes.
    """
    order = sure.argsort(descending=True)
    kinds = said.unique().tolist()
    piles = {kind: order[said[order] == kind].tolist() for kind in kinds}
    generator, chosen = torch.Generator().manual_seed(seed), list[list[int]]()
    while len(chosen) < most:
        left = [kind for kind in kinds if piles[kind]]
        if len(left) < 4:
            break
        mixed = [left[place] for place in torch.randperm(len(left), generator=generator).tolist()]
        chosen += [[piles[kind].pop(0) for kind in mixed[start : start + 4]]
                   for start in range(0, len(mixed) - 3, 4)]  # fmt: skip
    if not chosen:
        raise UsageError(f"a mosaic is of pictures of four classes, and these are of {len(kinds)}")
    rows = torch.tensor(chosen[:most], device=x.device)
    above, below = (torch.cat([x[rows[:, i]], x[rows[:, i + 1]]], 3) for i in (0, 2))
    return torch.cat([above, below], 2), said[rows]


def localisation(
    explain: Explain, pictures: Float[Tensor, "m c y2 x2"], classes: Int[Tensor, "m 4"], /
) -> Float[Tensor, " m"]:
    """The share of positive attribution in the right cell, the mean over a mosaic's cells.

    A cell for whose class nothing speaks has no share; NaN where that holds of all four.

    Args:
        explain: gives an attribution of pictures for a class each.
        pictures: mosaics.
        classes: of their cells.
    """
    shares = []
    for cell in range(4):
        found = explain(pictures, classes[:, cell]).double().sum(1).clamp_min(0)
        rows = found.chunk(2, 1)[cell // 2]
        own = rows.chunk(2, 2)[cell % 2].flatten(1).sum(1)
        shares.append(own / found.flatten(1).sum(1))  # 0 / 0 is NaN
    return torch.stack(shares).nanmean(0)
