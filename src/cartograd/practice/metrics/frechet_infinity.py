"""Fréchet distance at infinity: what the distance would be of ever more drawn examples.

The Fréchet distance of few examples is too large, by a number that falls as one over their count.
It is taken of growing parts of the drawn examples; the line through these over 1/n meets the axis
where there would be infinitely many.

    d(n) = d_inf + c / n

Shapes: features `n d` of drawn and `m d` of real examples.

Departures: parts of the drawn examples by one fixed order, where the paper draws quasi-random ones;
the real examples are all taken, as there.

References:
    Min Jin Chong, David Forsyth. Effectively unbiased FID and Inception Score and where to find
    them. CVPR 2020. https://arxiv.org/abs/1911.07023

>>> import torch
>>> x = torch.randn(2000, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
>>> abs(frechet_infinity(x[1500:], x[:1500])) < frechet(x[1500:], x[:1500])
True
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.practice.metrics.frechet import frechet

CARD = Card(
    name="frechet-infinity",
    aliases=("fid-infinity",),
    kind="sample-metric",
    entry="frechet_infinity",
    nodes=("gan/vanilla",),
    title="Fréchet distance at infinity",
    short="Fréchet at infinity",
    zh="无穷样本弗雷歇距离",
    better="lower",
    paper="Effectively unbiased FID and Inception Score and where to find them",
    year=2020,
    url="https://arxiv.org/abs/1911.07023",
    proofs=(
        "law: of draws from the real distribution it is nearer to nought than the distance itself",
    ),
)

PARTS = 5
"""Sizes between half of the examples and all of them."""


def frechet_infinity(drawn: Float[Tensor, "n d"], real: Float[Tensor, "m d"], /) -> float:
    """Where the line meets the axis; may be a little below nought.

    Raises:
        UsageError: there are too few drawn examples for so many sizes.
    """
    if len(drawn) < 2 * PARTS:
        raise UsageError(
            f"frechet-infinity needs {2 * PARTS} drawn examples at least; there are {len(drawn)}"
        )
    order = torch.randperm(len(drawn), generator=torch.Generator().manual_seed(0))
    sizes = torch.linspace(len(drawn) / 2, len(drawn), PARTS).round().long()
    found = torch.tensor(
        [frechet(drawn[order[:size]], real) for size in sizes], dtype=torch.float64
    )
    ones = torch.ones(PARTS, dtype=torch.float64)
    line = torch.linalg.lstsq(torch.stack([ones, 1 / sizes.double()], 1), found[:, None]).solution
    return float(line[0, 0])
