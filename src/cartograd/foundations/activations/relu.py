"""Rectified linear unit: positive numbers pass, negative ones become zero.

The gradient is 1 or 0, never a small fraction, so it does not fade on its way through many
layers; a unit whose input is negative for all the data gets no gradient at all and is dead.

    relu(z) = max(0, z)        relu'(z) = 1 if z > 0 else 0

Shapes: any shape, kept.

Departures: none. At z = 0, where there is no derivative, it is 0, as in torch.

References:
    Vinod Nair, Geoffrey Hinton. Rectified linear units improve restricted Boltzmann machines.
    ICML 2010. https://www.cs.toronto.edu/~fritz/absps/reluICML.pdf

>>> relu(torch.tensor([-0.5, 1.2, 0.3])).tolist()
[0.0, 1.2000000476837158, 0.30000001192092896]
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="relu",
    kind="activation",
    entry="relu",
    nodes=("activation/relu",),
    title="ReLU",
    zh="ReLU（线性整流单元）",
    paper="Rectified linear units improve restricted Boltzmann machines",
    year=2010,
    url="https://www.cs.toronto.edu/~fritz/absps/reluICML.pdf",
    proofs=(
        "oracle: numpy.maximum(0, z), values to 1e-10 in float64",
        "law: autograd's gradient is `derivative`: 1 above zero, 0 elsewhere",
        "paper: the notes' worked example [-0.5, 1.2, 0.3]",
    ),
    evidence={
        "activation/relu": (
            "test_equals_numpy",
            "test_gradient_is_one_above_zero_and_zero_elsewhere",
            "test_a_rate_too_large_kills_relus_but_no_leaky_ones",
        ),
    },
)


def relu(z: Float[Tensor, "..."], /) -> Float[Tensor, "..."]:
    """max(0, z), number by number."""
    return torch.relu(z)


def derivative(z: Float[Tensor, "..."], /) -> Float[Tensor, "..."]:
    """1 where z > 0, else 0."""
    return (z > 0).to(z.dtype)
