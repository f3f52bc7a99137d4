"""Exponential linear unit: below zero a curve that levels off, instead of a cut or a line.

The negative outputs pull the mean of the activations towards zero, and since they level off, an
input that is very negative is only noted as absent, without saying how much. With alpha 1 the
curve has no kink at zero.

    f(z) = z if z > 0 else A (e^z - 1)        f'(z) = 1 if z > 0 else A e^z

Shapes: any shape, kept.

Departures: none. e^z - 1 keeps its digits near zero.

References:
    Djork-Arné Clevert, Thomas Unterthiner, Sepp Hochreiter. Fast and accurate deep network
    learning by exponential linear units (ELUs). ICLR 2016. https://arxiv.org/abs/1511.07289

>>> [round(a, 3) for a in elu(torch.tensor([-1.0, 0.0, 3.0])).tolist()]
[-0.632, 0.0, 3.0]
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="elu",
    kind="activation",
    entry="elu",
    nodes=("activation/elu",),
    title="ELU",
    zh="指数线性单元",
    paper="Fast and accurate deep network learning by exponential linear units (ELUs)",
    year=2016,
    url="https://arxiv.org/abs/1511.07289",
    proofs=(
        "oracle: torch.nn.functional.elu, values and gradients to 1e-10 in float64",
        "law: autograd's gradient is `derivative`, finite far out; it levels off at -alpha",
    ),
    evidence={"activation/elu": ("test_equals_torch_with_gradients",)},
    renamed={"amplitude": "alpha"},
)


def elu(z: Float[Tensor, "..."], /, *, alpha: float = 1.0) -> Float[Tensor, "..."]:
    """The input where it is above zero, else A (e^z - 1).

    Args:
        z: what enters, of any shape.
        alpha: how far below zero the curve levels off.
    """
    # Both branches of `where` get a gradient: an e^z that overflows would make it 0 * inf.
    return torch.where(z > 0, z, alpha * torch.expm1(z.clamp(max=0)))


def derivative(z: Float[Tensor, "..."], /, *, alpha: float = 1.0) -> Float[Tensor, "..."]:
    """1 where z > 0, else A e^z."""
    return torch.where(z > 0, 1.0, alpha * z.clamp(max=0).exp())
