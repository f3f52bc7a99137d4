r"""HQQ: each group's offset is moved until few weights are far off; no data needed.

Rounding to nearest takes the grid from the extremes of a group. HQQ keeps the scale and looks for
the zero that makes a sum of small powers of the errors least, which forgives a few large errors, as
the few large weights have. With an auxiliary error E the problem splits into two that have closed
forms, a shrinkage and a mean, taken in turns while beta grows:

    min_z sum |W - s (q - z)|^p,  p < 1
    E <- shrink(W / s - (q - z)),   shrink(e) = sign(e) max(0, |e| - |e|^(p-1) / beta)
    z <- mean_g(q - W / s + E),   q = round(W / s + z)

Shapes: weights in groups `d2 n1 n2`; a model's inputs and outputs as before.

Departures: errors are counted in steps of the grid, so that the result does not depend on the unit
of the weights (of weights much below 1, the authors' beta shrinks every error to zero); of the
grids on the way each group keeps the best, that of rounding to nearest among them.

References:
    Hicham Badri, Appu Shaji. Half-Quadratic Quantization of large machine learning models. 2023.
    https://mobiusml.github.io/hqq_blog/

>>> layer = torch.nn.Linear(64, 32)
>>> x = torch.randn(50, 64)
>>> ((hqq(layer, group=32)(x) - layer(x)).norm() / layer(x).norm()).item() < 0.1
True
"""

from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.protocols import Batches
from cartograd.practice.compression.biases import bias_of
from cartograd.practice.compression.grid import Grid, in_groups
from cartograd.practice.compression.group_layers import replaced
from cartograd.practice.compression.group_linear import (
    GroupLinear,
    fitted,
    kept,
    size_of,
)

CARD = Card(
    name="hqq",
    kind="compressor",
    entry="hqq",
    nodes=("compress/quantize-ptq",),
    title="Half-quadratic quantisation (HQQ)",
    zh="半二次量化（HQQ）",
    paper="Half-Quadratic Quantization of large machine learning models",
    year=2023,
    url="https://mobiusml.github.io/hqq_blog/",
    proofs=(
        "law: no group has a larger sum of powers of its errors than by rounding to nearest, and "
        "most have a smaller one",
        "law: the shrinkage is the least point of its own problem among all numbers on a fine line",
        "law: twice the weights have twice the grid",
    ),
)

POWER, BETA, GROWTH, TURNS = 0.7, 10.0, 1.01, 20
"""The authors' p, first beta, its growth, and the most turns; they end when nothing is won."""


def hqq(
    model: nn.Module,
    data: Batches | None = None,  # noqa: ARG001
    /,
    *,
    bits: Literal[4, 8] = 4,
    group: int = 128,
) -> nn.Module:
    """A copy of a model whose linear layers keep their weights in groups of few bits.

    Args:
        model: of any kind.
        data: not looked at.
        bits: of a weight.
        group: neighbours in a row with one scale.

    Raises:
        UsageError: the model has no linear layer.
    """

    def moved(_: str, layer: nn.Linear) -> GroupLinear:
        weight = layer.weight.detach().float()
        groups = in_groups(weight, size_of(weight.shape[1], group))
        grid = half_quadratic(groups, bits)
        return GroupLinear(grid.quantised(groups), grid, bias=bias_of(layer))

    with torch.no_grad():
        return replaced(model, moved, bits=bits, group=group)


def half_quadratic(groups: Float[Tensor, "d2 n1 n2"], bits: int, /) -> Grid:
    """The grid of each group."""
    best = fitted(groups, bits)
    least = far(groups, best)
    grid, beta, steps, before = best, BETA, groups / best.scale, float(least.sum())
    for _ in range(TURNS):
        numbers = grid.quantised(groups).float()
        errors = shrunk(steps - (numbers - grid.zero), beta)
        zero = (numbers - steps + errors).mean(2, keepdim=True)
        grid, beta = kept(replace(grid, zero=zero)), beta * GROWTH
        now = far(groups, grid)
        better = now < least
        least = torch.where(better, now, least)
        best = replace(best, zero=torch.where(better, grid.zero, best.zero))
        if float(now.sum()) >= before:
            break
        before = float(now.sum())
    return best


def far(groups: Float[Tensor, "d2 n1 n2"], grid: Grid, /) -> Float[Tensor, "d2 n1 1"]:
    """The sum of small powers of each group's errors."""
    return (groups - grid.nearest(groups)).abs().pow(POWER).sum(2, keepdim=True)


def shrunk(errors: Float[Tensor, "..."], beta: float, /) -> Float[Tensor, "..."]:
    """Errors without what is cheap to leave: small ones become zero."""
    size = errors.abs().clamp(min=1e-12)
    return errors.sign() * (size - size.pow(POWER - 1) / beta).clamp(min=0)
