"""The same function with layers that are easier to round: batch norm folded, ranges equalised.

A batch norm in evaluation mode multiplies each channel and adds to it; a linear layer or
convolution before it, whose answer nothing else reads, can do so itself:

    W' = W gamma / sqrt(var + eps),   b' = (b - mean) gamma / sqrt(var + eps) + beta

Where a layer's channels go to another layer through nothing but functions with `f(s x) = s f(x)`
for s > 0, a factor can be moved from one to the other (cross-layer equalisation):

    W1_c <- W1_c / s_c,  b1_c <- b1_c / s_c,  W2_c <- W2_c s_c,  s_c = sqrt(r1_c / r2_c)

with the largest numbers r1 and r2 of each channel in both layers: then both are equal, and one
scale fits all channels better.

References:
    Benoit Jacob et al. Quantization and training of neural networks for efficient
    integer-arithmetic-only inference. CVPR 2018. https://arxiv.org/abs/1712.05877
    Markus Nagel, Mart van Baalen, Tijmen Blankevoort, Max Welling. Data-free quantization through
    weight equalization and bias correction. ICCV 2019. https://arxiv.org/abs/1906.04721
"""

import copy
from collections.abc import Iterator, Sequence
from typing import TypeGuard

import torch
from torch import Tensor, nn

from cartograd.practice.compression.wiring import Call, once, wired

Layer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d
LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""What is rounded; of exactly these classes, for a class made from one may compute otherwise."""
Norm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d
SCALED = (
    nn.ReLU, nn.LeakyReLU, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Identity,
    nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool2d,
)  # fmt: skip
FUNCTIONS = (
    "relu", "relu_", "leaky_relu", "dropout", "max_pool2d", "boolean_dispatch", "avg_pool2d",
    "adaptive_avg_pool2d",
)  # fmt: skip
"""Layers and functions through which a positive factor of a channel passes."""
ROUNDS = 40
"""How often all pairs are equalised; they depend on each other."""


def roundable(layer: nn.Module | None, /) -> TypeGuard[Layer]:
    """Whether a layer can be rounded: its weight is a plain one, and nothing is hooked to it."""
    return (
        type(layer) in LAYERS
        and isinstance(layer, nn.Module)
        and isinstance(layer._parameters.get("weight"), nn.Parameter)
        and not layer._forward_pre_hooks
        and not layer._forward_hooks
    )


def folded(model: nn.Module, inputs: Sequence[Tensor], /, *, equalised: bool = False) -> nn.Module:
    """A copy of a model that is the same function in evaluation mode.

    Args:
        model: anybody's.
        inputs: what it is called with, to see what reads what.
        equalised: whether factors are moved between layers, too.
    """
    made = copy.deepcopy(model)
    for layer, norm in _normed(wired(made, inputs)):
        _fold(layer, norm)
        _put(made, norm, nn.Identity())
    if equalised:
        pairs = list(_pairs(wired(made, inputs)))
        for _ in range(ROUNDS):
            for first, second in pairs:
                _equalise(first, second)
    return made


def _normed(calls: Sequence[Call]) -> Iterator[tuple[Layer, Norm]]:
    """Layers whose answer goes to a batch norm alone."""
    single = set(once(calls))
    for call in single:
        layer = call.layer
        norm = call.readers[0] if len(call.readers) == 1 else None
        if norm is None or norm not in single or not isinstance(norm.layer, Norm):
            continue
        rows = isinstance(layer, nn.Linear) and call.ndim != 2  # its features are not channels
        if roundable(layer) and not rows and norm.layer.running_mean is not None:
            yield layer, norm.layer


@torch.no_grad()
def _fold(layer: Layer, norm: Norm) -> None:
    weight, mean, spread = layer.weight, norm.running_mean, norm.running_var
    assert mean is not None
    assert spread is not None
    factor = (spread + norm.eps).rsqrt()
    shift = torch.zeros_like(mean)
    if norm.affine:
        factor, shift = factor * norm.weight, norm.bias
    before = torch.zeros_like(mean) if layer.bias is None else layer.bias
    learns = weight.requires_grad
    layer.weight = nn.Parameter(weight * _rows(factor, weight), requires_grad=learns)
    layer.bias = nn.Parameter((before - mean) * factor + shift, requires_grad=learns)


def _pairs(calls: Sequence[Call]) -> Iterator[tuple[Layer, Layer]]:
    """Layers of which one reads nothing but the other, through what lets factors pass."""
    single = set(once(calls))
    for call in single:
        after = call.readers[0] if len(call.readers) == 1 else None
        while after is not None and _passes(after):
            after = after.readers[0] if len(after.readers) == 1 else None
        if after is None or after not in single:
            continue
        first, second = call.layer, after.layer
        if not roundable(first) or not roundable(second):
            continue
        same = isinstance(first, nn.Linear) == isinstance(second, nn.Linear)
        if same and _into(second) is not None:
            yield first, second


def _passes(call: Call) -> bool:
    return type(call.layer) in SCALED if call.layer is not None else call.name in FUNCTIONS


def _into(layer: Layer) -> Tensor | None:
    """A weight with its input channels first; None where it has no such dimension."""
    weight = layer.weight
    if isinstance(layer, nn.Linear) or layer.groups == 1:
        return weight.transpose(0, 1)
    depthwise = layer.groups == layer.in_channels
    return weight.unflatten(0, (layer.in_channels, -1)) if depthwise else None


@torch.no_grad()
def _equalise(first: Layer, second: Layer) -> None:
    out, into = first.weight, _into(second)
    assert into is not None
    r1, r2 = (one.abs().flatten(1).amax(1) for one in (out, into))
    factor = (r1 / r2).sqrt()
    factor = factor.where((r1 > 0) & (r2 > 0), 1.0)
    out.div_(_rows(factor, out))
    if first.bias is not None:
        first.bias.div_(factor)
    into.mul_(_rows(factor, into))


def _rows(values: Tensor, like: Tensor) -> Tensor:
    return values.view(-1, *[1] * (like.ndim - 1))


def _put(model: nn.Module, old: nn.Module, new: nn.Module) -> None:
    """A part in the place of another, wherever that stands."""
    for part in list(model.modules()):
        for name, child in list(part._modules.items()):
            if child is old:
                setattr(part, name, new)
