"""Gaussian error linear unit: each number times the probability that a standard normal is below it.

It is the expectation of a gate that lets z through with probability Phi(z): a smooth ReLU that
weighs by size instead of cutting by sign, and that dips below zero just left of it. The first
Transformers computed Phi by a tanh, which is nowhere wrong by more than 0.00048 and is still asked
for where their weights are to give the same answers.

    gelu(z) = z Phi(z)        gelu'(z) = Phi(z) + z phi(z)
    approximate: Phi(z) = (1 + tanh(u)) / 2,   u = sqrt(2 / pi) (z + 0.044715 z^3)

Shapes: any shape, kept.

Departures: none.

References:
    Dan Hendrycks, Kevin Gimpel. Gaussian error linear units (GELUs). 2016.
    https://arxiv.org/abs/1606.08415

>>> [round(a, 4) for a in gelu(torch.tensor([-1.0, 0.0, 1.0])).tolist()]
[-0.1587, 0.0, 0.8413]
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="gelu",
    kind="activation",
    entry="gelu",
    nodes=("activation/gelu",),
    title="GELU",
    zh="高斯误差线性单元",
    paper="Gaussian error linear units (GELUs)",
    year=2016,
    url="https://arxiv.org/abs/1606.08415",
    proofs=(
        "oracle: torch.nn.functional.gelu, exact and approximate, values and gradients to 1e-10 in "
        "float64",
        "law: autograd's gradient is `derivative`; gelu(z) - gelu(-z) = z",
        "law: the largest gap between the two forms is 0.000473, at |z| = 2.70",
    ),
    evidence={
        "activation/gelu": (
            "test_equals_torch_with_gradients",
            "test_largest_gap_between_the_two_forms",
            "claim:gelu-approx",
        ),
    },
)

PRESETS = {
    "gelu-tanh": {"approximate": True},
}


def gelu(z: Float[Tensor, "..."], /, *, approximate: bool = False) -> Float[Tensor, "..."]:
    """The input times Phi, which is exact or by a tanh.

    Args:
        z: what enters, of any shape.
        approximate: whether the tanh formula stands for the exact one.
    """
    return z * (_phi_by_tanh(z) if approximate else torch.special.ndtr(z))


def derivative(z: Float[Tensor, "..."], /, *, approximate: bool = False) -> Float[Tensor, "..."]:
    """Phi(z) + z Phi'(z)."""
    if approximate:
        phi = _phi_by_tanh(z)
        slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * z.square())
        return phi + 2 * z * phi * (1 - phi) * slope
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    return torch.special.ndtr(z) + z * density


def _phi_by_tanh(z: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))
