r"""GPTQ: what one column's rounding spoils, the columns after it make good.

The error of a layer's answers is quadratic in its weights, with the second moments of the inputs as
its Hessian, the same for each row. Columns are rounded one after another; the error of each is
spread over those that are not rounded yet, in the best way there is, which a Cholesky factor of the
inverse Hessian holds for all columns at once.

    min |W X - Q X|^2;   H = X X^T + a I,   H^-1 = U^T U
    e = (W_j - Q_j) / U_jj,   W_k <- W_k - e U_jk for all k > j

Shapes: weights `d2 d`, inputs of a layer `n d`; a model's inputs and outputs as before.

Departures: each group's grid is that of its weights when its first column's turn comes; columns are
taken in their order. All Hessians are of the model in floats, in one pass, where the authors take
the inputs that the layers rounded before give.

References:
    Elias Frantar et al. GPTQ: accurate post-training quantization for generative pre-trained
    transformers. 2022, ICLR 2023. https://arxiv.org/abs/2210.17323

>>> weight, x = torch.randn(8, 32), torch.randn(100, 32)
>>> numbers, grid = compensated(weight, x.T @ x, bits=4, size=16)
>>> numbers.shape
torch.Size([8, 2, 16])
"""

from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.protocols import Batches
from cartograd.practice.compression.biases import bias_of
from cartograd.practice.compression.grid import Grid
from cartograd.practice.compression.group_layers import replaced
from cartograd.practice.compression.group_linear import (
    GroupLinear,
    fitted,
    size_of,
)
from cartograd.practice.compression.moments import moments

CARD = Card(
    name="gptq",
    kind="compressor",
    entry="gptq",
    nodes=("compress/quantize-ptq",),
    title="GPTQ",
    zh="GPTQ 量化",
    paper="GPTQ: accurate post-training quantization for generative pre-trained transformers",
    year=2022,
    url="https://arxiv.org/abs/2210.17323",
    proofs=(
        "law: on its calibration data answers are no further off than by rounding to nearest, and "
        "far less where inputs go together",
        "law: with inputs that have nothing to do with each other it is rounding to nearest",
        "law: the answer for two columns is that of trying all pairs of whole numbers for the "
        "second, given the first",
    ),
)

DAMPING = 0.01
"""Added to the Hessian's diagonal, as a share of its mean."""


def gptq(
    model: nn.Module,
    data: Batches | None = None,
    /,
    *,
    bits: Literal[4, 8] = 4,
    group: int = 128,
) -> nn.Module:
    """A copy of a model whose linear layers keep their weights in groups of few bits.

    Args:
        model: with its signature.
        data: batches of examples to calibrate on.
        bits: of a weight.
        group: neighbours in a row with one scale.

    Raises:
        UsageError: there are no data, or the model has no linear layer.
    """
    seen = moments(model, data, "gptq")

    def spread(name: str, layer: nn.Linear) -> GroupLinear:
        weight = layer.weight.detach().float()
        size = size_of(weight.shape[1], group)
        hessian = seen[name].second if name in seen else torch.eye(weight.shape[1])
        numbers, grid = compensated(weight, hessian, bits=bits, size=size)
        return GroupLinear(numbers, grid, bias=bias_of(layer))

    with torch.no_grad():
        return replaced(model, spread, bits=bits, group=group)


def compensated(
    weight: Float[Tensor, "d2 d"], hessian: Float[Tensor, "d d"], /, *, bits: int, size: int
) -> tuple[UInt8[Tensor, "d2 n1 n2"], Grid]:
    """Whole numbers and the grid of a weight.

    Args:
        weight: of a layer.
        hessian: second moments of its inputs.
        bits: of a number.
        size: of a group.
    """
    factor, left = _factor(hessian), weight.clone()
    numbers, grids = list[Tensor](), list[Grid]()
    for start in range(0, weight.shape[1], size):
        end = start + size
        part = left[:, start:end]
        grid = fitted(part[:, None], bits)
        column, errors = replace(grid, scale=grid.scale[:, 0, 0], zero=grid.zero[:, 0, 0]), part * 0
        for i in range(size):
            rounded = column.quantised(part[:, i])
            numbers.append(rounded)
            row = factor[start + i, start + i : end]
            errors[:, i] = (part[:, i] - column.dequantised(rounded)) / row[0]
            part[:, i + 1 :] -= errors[:, i, None] * row[1:]
        left[:, end:] -= errors @ factor[start:end, end:]
        grids.append(grid)
    scale, zero = (
        torch.cat([getattr(grid, key) for grid in grids], 1) for key in ("scale", "zero")
    )
    return torch.stack(numbers, 1).unflatten(1, (-1, size)), replace(
        grids[0], scale=scale, zero=zero
    )


def _factor(hessian: Float[Tensor, "d d"]) -> Float[Tensor, "d d"]:
    """The upper factor of the inverse: its row j is how the error of column j is spread."""
    h = hessian.double()
    damping = DAMPING * h.diagonal().mean() or 1.0
    h = h + damping * torch.eye(len(h), dtype=h.dtype, device=h.device)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(h))
    return torch.linalg.cholesky(inverse, upper=True).to(hessian.dtype)
