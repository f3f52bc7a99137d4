"""Bit depth: numbers are rounded to a few levels, so that small changes are lost.

    x' = round(x (levels - 1)) / (levels - 1)

Shapes: inputs `b ...` from 0 to 1.

Departures: none.

References:
    Weilin Xu, David Evans, Yanjun Qi. Feature squeezing: detecting adversarial examples in deep
    neural networks. NDSS 2018. https://arxiv.org/abs/1704.01155

>>> bit_depth(torch.tensor([[0.1, 0.4, 0.9]]), torch.Generator(), levels=2)
tensor([[0., 0., 1.]])
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="bit-depth",
    kind="purifier",
    entry="bit_depth",
    nodes=("defense/purification",),
    title="Bit depth reduction",
    zh="位深压缩",
    paper="Feature squeezing: detecting adversarial examples in deep neural networks",
    year=2018,
    url="https://arxiv.org/abs/1704.01155",
    proofs=(
        "law: every number is the nearest of the levels, and those that are one stay",
        "law: of an attack that knows nothing of it much is undone, and an attack through it takes "
        "part of that back",
    ),
    tiny={},
    evidence={
        "defense/purification": ("test_purifiers_gain_and_an_attack_through_them_takes_back",)
    },
)


def bit_depth(
    x: Float[Tensor, "b ..."], _: torch.Generator, /, *, levels: int = 8
) -> Float[Tensor, "b ..."]:
    """Inputs rounded to a few levels.

    Args:
        x: inputs from 0 to 1.
        levels: how many; 8 are three bits.

    Raises:
        UsageError: the inputs are not from 0 to 1.
    """
    if len(x) and not (x.min() >= -1e-6 and x.max() <= 1 + 1e-6):
        raise UsageError(
            f"bit-depth rounds numbers from 0 to 1, and these are from {x.min():.3g} to "
            f"{x.max():.3g}; take a detector, such as mahalanobis"
        )
    return (x * (levels - 1)).round() / (levels - 1)
