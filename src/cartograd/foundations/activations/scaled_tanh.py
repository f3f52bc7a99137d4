"""Scaled hyperbolic tangent: LeNet-5's squashing function, which maps 1 to 1 and -1 to -1.

The plain tanh reaches a target of 1 only at infinity, where it has no slope left. Stretched this
way the targets lie where the curve bends most, and its gain stays near 1.

    f(z) = A tanh(S z)        f'(z) = A S (1 - tanh(S z)^2)        A = 1.7159, S = 2/3

Shapes: any shape, kept.

Departures: none.

References:
    Yann LeCun, Leon Bottou, Yoshua Bengio, Patrick Haffner. Gradient-based learning applied to
    document recognition. Proceedings of the IEEE 86, 1998. https://doi.org/10.1109/5.726791

>>> [round(a, 3) for a in scaled_tanh(torch.tensor([-1.0, 0.0, 1.0])).tolist()]
[-1.0, 0.0, 1.0]
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="scaled-tanh",
    kind="activation",
    entry="scaled_tanh",
    nodes=("activation/tanh",),
    title="Scaled tanh",
    zh="缩放双曲正切",
    paper="Gradient-based learning applied to document recognition",
    year=1998,
    url="https://doi.org/10.1109/5.726791",
    proofs=(
        "law: autograd's gradient is `derivative`; amplitude and steepness 1 give tanh",
        "paper: f(1) = 1 and f(-1) = -1; the curvature is largest there",
    ),
)


def scaled_tanh(
    z: Float[Tensor, "..."], /, *, amplitude: float = 1.7159, steepness: float = 2 / 3
) -> Float[Tensor, "..."]:
    """A tanh(S z), number by number.

    Args:
        z: what enters, of any shape.
        amplitude: height that the curve reaches far from zero.
        steepness: factor on the input before the tanh.
    """
    return amplitude * torch.tanh(steepness * z)


def derivative(
    z: Float[Tensor, "..."], /, *, amplitude: float = 1.7159, steepness: float = 2 / 3
) -> Float[Tensor, "..."]:
    """A S (1 - tanh(S z)^2)."""
    return amplitude * steepness * (1 - torch.tanh(steepness * z).square())
