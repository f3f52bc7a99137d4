r"""AWQ: weights of inputs that are large are stretched before they are rounded.

A few of a layer's inputs are far larger than the rest, and errors of their weights count for as
much more. A weight that is multiplied by s and whose input is divided by s gives the same product,
and the stretched weight's error, divided by s again, is smaller, as long as s does not widen its
group. How far to go is tried on the moments of the inputs, for each layer.

    W x = (W diag(s)) (x / s);   s_j = mean |x_j|^a, a of 0, 1/20, ..., 1
    a* = argmin |(Q(W diag(s)) diag(1/s) - W) X|^2

Shapes: weights `d2 d`, inputs of a layer `n d`; a model's inputs and outputs as before.

Departures: the division stands in the layer itself, a product of `d` numbers beside `d2 d`, so that
nothing has to be known of what comes before it; weights are not clipped.

References:
    Ji Lin et al. AWQ: activation-aware weight quantization for LLM compression and acceleration.
    2023, MLSys 2024. https://arxiv.org/abs/2306.00978

>>> weight, x = torch.randn(8, 32), torch.randn(100, 32)
>>> stretch(weight, x.T @ x, x.abs().mean(0), bits=4, size=16).shape
torch.Size([32])
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.protocols import Batches
from cartograd.practice.compression.biases import bias_of
from cartograd.practice.compression.grid import in_groups
from cartograd.practice.compression.group_layers import replaced
from cartograd.practice.compression.group_linear import (
    GroupLinear,
    fitted,
    size_of,
)
from cartograd.practice.compression.moments import moments

CARD = Card(
    name="awq",
    kind="compressor",
    entry="awq",
    nodes=("compress/quantize-ptq",),
    title="Activation-aware weight quantisation (AWQ)",
    zh="激活感知权重量化（AWQ）",
    paper="AWQ: activation-aware weight quantization for LLM compression and acceleration",
    year=2023,
    url="https://arxiv.org/abs/2306.00978",
    proofs=(
        "law: on its calibration data each layer's answers are no further off than by rounding to "
        "nearest, and far less where some inputs are large",
        "law: in floats the stretched weights and the divided inputs give the same product",
    ),
)

TRIED = 20
"""Powers of the inputs' sizes that are tried, beside none."""


def awq(
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
    seen = moments(model, data, "awq")

    def stretched(name: str, layer: nn.Linear) -> GroupLinear:
        weight = layer.weight.detach().float()
        size, s = size_of(weight.shape[1], group), weight.new_ones(weight.shape[1])
        if name in seen:
            mean = seen[name].size / seen[name].rows
            s = stretch(weight, seen[name].second, mean, bits=bits, size=size)
        groups = in_groups(weight * s, size)
        grid = fitted(groups, bits)
        return GroupLinear(grid.quantised(groups), grid, bias=bias_of(layer), divisor=s)

    with torch.no_grad():
        return replaced(model, stretched, bits=bits, group=group)


def stretch(
    weight: Float[Tensor, "d2 d"], second: Float[Tensor, "d d"], mean: Float[Tensor, " d"], /, *,
    bits: int, size: int,
) -> Float[Tensor, " d"]:  # fmt: skip
    """By how much each column is stretched.

    Args:
        weight: of a layer.
        second: moments of its inputs.
        mean: sizes of its inputs.
        bits: of a number.
        size: of a group.
    """
    best, least = torch.ones_like(mean), float("inf")
    for step in range(TRIED + 1):
        s = mean.clamp(min=1e-4 * float(mean.max().clamp(min=1e-12))).pow(step / TRIED)
        s = s / (s.max() * s.min()).sqrt()
        groups = in_groups(weight * s, size)
        error = fitted(groups, bits).nearest(groups).flatten(1) / s - weight
        lost = float(((error @ second) * error).sum())
        if lost < least:
            best, least = s, lost
    return best
