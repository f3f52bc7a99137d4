"""Adaptive clipping: the gradient of each unit is at most a small share of the unit's weights.

How long a gradient may be depends on the weights that it moves: a step of 1 is nothing for large
weights and a catastrophe for small ones. Each unit (a row of a matrix, a filter of a convolution)
is therefore measured by itself. It let very deep networks train without batch normalisation.

    g_u <- g_u min(1, max m(w_u) / |g_u|),  m(w) = max(|w|, eps)

Shapes: gradients and weights are lists of tensors of any shape, alike. Units are the indices of
dimension 0; a vector (a bias, a scale) is one unit.

Departures: the paper leaves the last layer out; here every weight is clipped.

References:
    Andrew Brock, Soham De, Samuel L. Smith, Karen Simonyan. High-performance large-scale image
    recognition without normalization. ICML 2021. https://arxiv.org/abs/2102.06171

>>> weight, gradient = torch.tensor([[3.0, 4.0], [0.3, 0.4]]), torch.tensor([[0.6, 0.8]] * 2)
>>> torch.linalg.vector_norm(clip([gradient], [weight], gradient.norm(), max=0.1)[0], dim=1)
tensor([0.5000, 0.0500])
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="adaptive",
    kind="clipping",
    aliases=("clip-adaptive",),
    entry="clip",
    nodes=("challenge/vanishing-exploding",),
    title="Adaptive gradient clipping (AGC)",
    zh="自适应梯度裁剪（AGC）",
    paper="High-performance large-scale image recognition without normalization",
    year=2021,
    url="https://arxiv.org/abs/2102.06171",
    proofs=(
        "law: every unit is that of the formula, written out unit by unit, to 1e-12 in float64; a "
        "unit within its share is left alone",
    ),
    tiny={"max": 0.02},
    renamed={"floor": "eps"},
)


def clip(
    gradients: Sequence[Float[Tensor, "..."]],
    weights: Sequence[Float[Tensor, "..."]],
    norm: Float[Tensor, ""],  # noqa: ARG001
    /,
    *,
    max: float = 0.01,
    eps: float = 1e-3,
) -> list[Tensor]:
    """The gradients, each unit's at most `max` times as long as its weights.

    Args:
        gradients: of every weight.
        weights: that they belong to.
        norm: of all gradients together.
        max: largest gradient of a unit, in units of the size of its weights.
        eps: least size that a unit's weights are taken to have.
    """
    clipped = []
    for gradient, weight in zip(gradients, weights, strict=True):
        limit = max * _lengths(weight).clamp(min=eps)
        norms = _lengths(gradient)
        clipped.append(gradient * (limit / norms.clamp(min=1e-6)).clamp(max=1.0))
    return clipped


def _lengths(tensor: Tensor) -> Tensor:
    """The norm of each unit, in a shape that broadcasts over the tensor."""
    dims = tuple(range(1, tensor.ndim)) if tensor.ndim > 1 else None
    return torch.linalg.vector_norm(tensor, dim=dims, keepdim=dims is not None)
