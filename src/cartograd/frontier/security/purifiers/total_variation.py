"""Total variation: the nearest picture whose pixels differ less from their neighbours.

    min over u   |u - x|^2 / 2 + weight sum |grad u|

by Chambolle's fixed point on the dual: u = x - weight div p with |p| <= 1,

    p <- (p + t grad(div p - x / weight)) / (1 + t |grad(div p - x / weight)|),   t = 1/4

Shapes: pictures `b c y x` from 0 to 1.

Departures: the paper on adversarial pictures looks for one that agrees with random pixels; here all
of them count, as Rudin, Osher and Fatemi have it.

References:
    Chuan Guo, Mayank Rana, Moustapha Cisse, Laurens van der Maaten. Countering adversarial images
    using input transformations. ICLR 2018. https://arxiv.org/abs/1711.00117
    Antonin Chambolle. An algorithm for total variation minimization and applications. Journal of
    Mathematical Imaging and Vision 20, 2004. https://doi.org/10.1023/B:JMIV.0000011325.36760.1e

>>> step = torch.tensor([[[[0.0, 0.0, 1.0, 1.0]]]])
>>> total_variation(step, torch.Generator(), weight=0.2, steps=200).flatten().round(decimals=2)
tensor([0.1000, 0.1000, 0.9000, 0.9000])
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.frontier.security.purifiers.pictures import check_pixels

CARD = Card(
    name="total-variation",
    kind="purifier",
    entry="total_variation",
    nodes=("defense/purification",),
    title="Total variation denoising",
    zh="全变分去噪",
    aliases=("tv",),
    paper="Countering adversarial images using input transformations",
    year=2018,
    url="https://arxiv.org/abs/1711.00117",
    proofs=(
        "law: no picture nearby has a smaller sum of distance and variation; the mean stays, and "
        "of a step of two halves the solution is the one that can be worked out",
    ),
    tiny={"steps": 3},
)

PACE = 0.25


def total_variation(
    x: Float[Tensor, "b c y x"], _: torch.Generator, /, *, weight: float = 0.1, steps: int = 30
) -> Float[Tensor, "b c y x"]:
    """Pictures with less variation.

    Args:
        x: pictures from 0 to 1.
        weight: of the variation.
        steps: of the fixed point.

    Raises:
        UsageError: these are no pictures.
    """
    check_pixels("total-variation", x)
    if not weight:
        return x.clone()
    dual = x.new_zeros(2, *x.shape)
    for _step in range(steps):
        slope = gradient(divergence(dual) - x / weight)
        dual = (dual + PACE * slope) / (1 + PACE * slope.square().sum(0).sqrt())
    return (x - weight * divergence(dual)).clamp(0, 1)


def gradient(x: Float[Tensor, "b c y x"], /) -> Float[Tensor, "2 b c y x"]:
    """Differences to the pixels below and to the right; none beyond the edge."""
    down = F.pad(x.diff(dim=-2), (0, 0, 0, 1))
    right = F.pad(x.diff(dim=-1), (0, 1))
    return torch.stack([down, right])


def divergence(p: Float[Tensor, "2 b c y x"], /) -> Float[Tensor, "b c y x"]:
    """The negative adjoint of `gradient`."""
    down, right = p[0][..., :-1, :], p[1][..., :-1]
    return (F.pad(down, (0, 0, 0, 1)) - F.pad(down, (0, 0, 1, 0))) + (
        F.pad(right, (0, 1)) - F.pad(right, (1, 0))
    )
