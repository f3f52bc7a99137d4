"""Hyperbolic tangent: a sigmoid around zero, from -1 to 1.

Its outputs have both signs, which lets the next layer's weights move freely, and its slope of 1
at zero is four times the sigmoid's. Far from zero it is as flat as the sigmoid.

    tanh(z) = (e^z - e^-z) / (e^z + e^-z) = 2 sigmoid(2z) - 1        tanh'(z) = 1 - tanh(z)^2

Shapes: any shape, kept.

Departures: none.

References:
    Yann LeCun, Leon Bottou, Genevieve Orr, Klaus-Robert Müller. Efficient BackProp. In Neural
    Networks: Tricks of the Trade, 1998. https://doi.org/10.1007/3-540-49430-8_2

>>> [round(a, 3) for a in tanh(torch.tensor([-0.5, 1.2, 0.3])).tolist()]
[-0.462, 0.834, 0.291]
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="tanh",
    kind="activation",
    entry="tanh",
    nodes=("activation/tanh",),
    title="Tanh",
    zh="双曲正切",
    paper="Efficient BackProp",
    year=1998,
    url="https://doi.org/10.1007/3-540-49430-8_2",
    proofs=(
        "oracle: numpy.tanh, values to 1e-10 in float64",
        "law: 2 sigmoid(2z) - 1 = tanh(z); autograd's gradient is `derivative`",
    ),
    evidence={"activation/tanh": ("test_equals_numpy", "test_is_a_stretched_sigmoid")},
)


def tanh(z: Float[Tensor, "..."], /) -> Float[Tensor, "..."]:
    """(e^z - e^-z) / (e^z + e^-z), number by number."""
    return torch.tanh(z)


def derivative(z: Float[Tensor, "..."], /) -> Float[Tensor, "..."]:
    """1 - tanh(z)^2: 1 at zero, falling to 0 on both sides."""
    return 1 - torch.tanh(z).square()
