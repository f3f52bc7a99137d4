"""Leaky ReLU: negative numbers are scaled down instead of cut off.

A ReLU whose input is negative for all the data gets no gradient and never comes back. A small
slope below zero keeps a gradient flowing, at the price of outputs that are no longer sparse.

    f(z) = z if z > 0 else s z        f'(z) = 1 if z > 0 else s        s: the negative slope

Shapes: any shape, kept.

Departures: none. At z = 0, where there is no derivative, it is the slope, as in torch.

References:
    Andrew Maas, Awni Hannun, Andrew Ng. Rectifier nonlinearities improve neural network acoustic
    models. ICML 2013. https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf

>>> leaky_relu(torch.tensor([-2.0, 0.0, 3.0]), negative_slope=0.25).tolist()
[-0.5, 0.0, 3.0]
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="leaky-relu",
    kind="activation",
    entry="leaky_relu",
    nodes=("activation/leaky-relu",),
    title="Leaky ReLU",
    zh="Leaky ReLU（带泄漏的线性整流单元）",
    paper="Rectifier nonlinearities improve neural network acoustic models",
    year=2013,
    url="https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf",
    proofs=(
        "oracle: torch.nn.functional.leaky_relu, values and gradients to 1e-10 in float64",
        "law: autograd's gradient is `derivative`; slope 0 gives ReLU and slope 1 the identity",
    ),
    evidence={
        "activation/leaky-relu": (
            "test_equals_torch_with_gradients",
            "test_between_relu_and_the_identity",
        ),
    },
    renamed={"slope": "negative_slope"},
)


def leaky_relu(z: Float[Tensor, "..."], /, *, negative_slope: float = 0.01) -> Float[Tensor, "..."]:
    """The input where it is above zero, else its multiple by the slope.

    Args:
        z: what enters, of any shape.
        negative_slope: slope below zero.
    """
    return torch.where(z > 0, z, negative_slope * z)


def derivative(z: Float[Tensor, "..."], /, *, negative_slope: float = 0.01) -> Float[Tensor, "..."]:
    """1 where z > 0, else the slope."""
    return torch.full_like(z, negative_slope).masked_fill(z > 0, 1.0)
