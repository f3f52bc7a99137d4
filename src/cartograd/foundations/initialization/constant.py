"""Constant initialisation: every weight starts at the same number.

Fine for biases, and fatal for the weights of hidden layers: units that start alike compute the
same thing, get the same gradient and stay alike for ever, so that a wide layer is worth one unit.
With zeros the hidden weights do not even move, since the gradient reaches them through zeros.

    W_ij = value

Shapes: any shape; filled in place.

Departures: none.

References:
    Ian Goodfellow, Yoshua Bengio, Aaron Courville. Deep Learning, section 8.4. MIT Press, 2016.
    https://www.deeplearningbook.org

>>> constant(torch.empty(2, 2), value=0.5).tolist()
[[0.5, 0.5], [0.5, 0.5]]
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="constant",
    kind="initialiser",
    entry="constant",
    nodes=("init/constant",),
    title="Constant initialisation",
    zh="常数初始化",
    paper="Deep Learning, section 8.4",
    year=2016,
    url="https://www.deeplearningbook.org",
    proofs=(
        "law: the units of a layer that starts constant are equal after training too, and those "
        "of one that starts random are not",
        "law: hidden weights that start at zero get no gradient at all",
    ),
    evidence={
        "init/constant": ("test_units_that_start_alike_stay_alike", "claim:zero-init-symmetry"),
    },
)


def constant(weight: Float[Tensor, "..."], /, *, value: float = 0.0) -> Float[Tensor, "..."]:
    """Fill with one number.

    Args:
        weight: filled in place.
        value: the one number that every weight starts at.
    """
    with torch.no_grad():
        return weight.fill_(value)
