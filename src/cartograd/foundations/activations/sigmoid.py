"""Sigmoid: an S-shaped curve from 0 to 1, readable as a probability.

Far from zero the curve is flat: its derivative, 1/4 at most, goes to zero, and through many
layers the product of such factors makes the gradient vanish.

    sigmoid(z) = 1 / (1 + e^-z)        sigmoid'(z) = sigmoid(z) (1 - sigmoid(z))

Shapes: any shape, kept.

Departures: none. torch's kernel keeps the precision where e^-z would overflow.

References:
    David Rumelhart, Geoffrey Hinton, Ronald Williams. Learning representations by
    back-propagating errors. Nature 323, 1986. https://doi.org/10.1038/323533a0

>>> [round(p, 3) for p in sigmoid(torch.tensor([-0.5, 1.2, 0.3])).tolist()]
[0.378, 0.769, 0.574]
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="sigmoid",
    kind="activation",
    entry="sigmoid",
    nodes=("activation/sigmoid",),
    title="Sigmoid",
    zh="S 型函数",
    paper="Learning representations by back-propagating errors",
    year=1986,
    url="https://doi.org/10.1038/323533a0",
    proofs=(
        "oracle: scipy.special.expit, values to 1e-10 in float64",
        "law: autograd's gradient is `derivative`; sigmoid(-z) = 1 - sigmoid(z)",
        "paper: the notes' worked example [0.378, 0.769, 0.574]",
    ),
    evidence={
        "activation/sigmoid": (
            "test_equals_scipy",
            "test_autograds_gradient_is_the_derivative",
            "test_saturates_without_overflow",
            "test_show_draws_an_activation_with_its_saturation",
        ),
    },
)


def sigmoid(z: Float[Tensor, "..."], /) -> Float[Tensor, "..."]:
    """1 / (1 + e^-z), number by number."""
    return torch.sigmoid(z)


def derivative(z: Float[Tensor, "..."], /) -> Float[Tensor, "..."]:
    """sigmoid(z) (1 - sigmoid(z)): 1/4 at zero, falling to 0 on both sides."""
    # 1 - sigmoid(z) loses all digits for large z; sigmoid(-z) is the same and keeps them.
    return torch.sigmoid(z) * torch.sigmoid(-z)
