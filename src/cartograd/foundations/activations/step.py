"""Step function: 1 where the input is positive, else 0, as in the first artificial neurons.

Its slope is 0 wherever it has one, so gradient descent cannot train through it. Rosenblatt's
perceptron learns by a rule of its own, and its successors replaced the step by the sigmoid.

    step(z) = 1 if z > 0 else 0        step'(z) = 0 for z != 0

Shapes: any shape, kept.

Departures: authors differ on step(0); here it is 0, which makes a tie a 'no'.

References:
    Warren McCulloch, Walter Pitts. A logical calculus of the ideas immanent in nervous
    activity. Bulletin of Mathematical Biophysics 5, 1943. https://doi.org/10.1007/BF02478259

>>> step(torch.tensor([-0.5, 0.0, 0.3])).tolist()
[0.0, 0.0, 1.0]
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="step",
    kind="activation",
    entry="step",
    nodes=("activation/step",),
    title="Step function",
    zh="阶跃函数",
    paper="A logical calculus of the ideas immanent in nervous activity",
    year=1943,
    url="https://doi.org/10.1007/BF02478259",
    proofs=(
        "oracle: numpy.heaviside(z, 0)",
        "law: nothing learns through it: `derivative` is 0 and no gradient is recorded",
    ),
    evidence={
        "activation/step": ("test_equals_numpy", "test_mistakes_stay_within_novikoffs_bound")
    },
)


def step(z: Float[Tensor, "..."], /) -> Float[Tensor, "..."]:
    """1 where z > 0, else 0; without a gradient."""
    return (z > 0).to(z.dtype)


def derivative(z: Float[Tensor, "..."], /) -> Float[Tensor, "..."]:
    """0 everywhere (at z = 0 there is none)."""
    return torch.zeros_like(z)
