"""Weights in groups of few bits, rounded to nearest: an eighth of the bytes, no data needed.

Each group of neighbours in a row of a weight gets a grid of its own, from its least number to its
largest (RTN: rounding to nearest), so that one large weight spoils 127 others at most. Four bits
with a scale and an offset for 128 numbers are 4.25 bits a weight.

    q_ij = round(W_ij / s_g + z_g),   s_g = (max W_g - min W_g) / (2^b - 1)

Shapes: weights `d2 d`; a model's inputs and outputs as before.

Departures: none. Inputs stay floats; in decoding they are brought to bfloat16, where torch's
product with packed weights is proved right and takes the layer's shape (`group_linear`). A row that
the group does not divide has the largest groups that do.

References:
    Tim Dettmers, Luke Zettlemoyer. The case for 4-bit precision: k-bit inference scaling laws.
    2022, ICML 2023. https://arxiv.org/abs/2212.09720

>>> layer = torch.nn.Linear(64, 32)
>>> x = torch.randn(50, 64)
>>> small = group_weights(layer, group=32)
>>> ((small(x) - layer(x)).norm() / layer(x).norm()).item() < 0.1
True
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.protocols import Batches
from cartograd.practice.compression.biases import bias_of
from cartograd.practice.compression.grid import in_groups
from cartograd.practice.compression.group_layers import replaced
from cartograd.practice.compression.group_linear import (
    GroupLinear,
    fitted,
    size_of,
)

CARD = Card(
    name="group-weights",
    kind="compressor",
    entry="group_weights",
    aliases=("rtn", "int4-weights"),
    nodes=("compress/quantize-ptq",),
    title="Weights in groups of four bits",
    zh="分组 4 位整数权重",
    paper="The case for 4-bit precision: k-bit inference scaling laws",
    year=2022,
    url="https://arxiv.org/abs/2212.09720",
    proofs=(
        "law: a weight is off by half a step of its group at most, and weights on the grid stay",
        "law: torch's product with packed weights is that of the weights in floats, but for the "
        "rounding of its inputs and answers",
    ),
)


def group_weights(
    model: nn.Module,
    data: Batches | None = None,  # noqa: ARG001
    /,
    *,
    bits: Literal[4, 8] = 4,
    group: int = 128,
) -> nn.Module:
    """A copy of a model whose linear layers keep their weights in groups of few bits.

    It is for inference. A weight that a linear layer shares with something else (a tied embedding)
    is kept there as it is.

    Args:
        model: of any kind.
        data: not looked at.
        bits: of a weight.
        group: neighbours in a row with one scale.

    Raises:
        UsageError: the model has no linear layer.
    """

    def chosen(_: str, layer: nn.Linear) -> GroupLinear:
        return nearest(layer.weight.detach(), bias_of(layer), bits=bits, group=group)

    with torch.no_grad():
        return replaced(model, chosen, bits=bits, group=group)


def product(weight: Float[Tensor, "d2 d"], bias: Float[Tensor, " d2"] | None, /) -> GroupLinear:
    """A product for `architectures.transformer.inference_form`, in four bits."""
    return nearest(weight, bias)


def nearest(
    weight: Float[Tensor, "d2 d"],
    bias: Float[Tensor, " d2"] | None,
    /,
    *,
    bits: int = 4,
    group: int = 128,
) -> GroupLinear:
    """A layer of a weight rounded to the nearest numbers of its groups' grids.

    Args:
        weight: in floats.
        bias: added, or None.
        bits: of a weight.
        group: neighbours in a row with one scale.
    """
    groups = in_groups(weight.float(), size_of(weight.shape[1], group))
    grid = fitted(groups, bits)
    return GroupLinear(grid.quantised(groups), grid, bias=bias)
