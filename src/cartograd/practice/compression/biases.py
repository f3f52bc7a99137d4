"""Biases of layers whose weights are rounded: they stay in floats."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn


def bias_of(layer: nn.Linear, /) -> Float[Tensor, " d2"] | None:
    """A layer's bias, without its gradient."""
    return None if layer.bias is None else layer.bias.detach()


def stacked_bias(layers: Sequence[Any], /) -> Float[Tensor, " d2"] | None:
    """The biases of some layers, one after another; None if no layer has one."""
    if all(layer.bias is None for layer in layers):
        return None
    none = [torch.zeros(layer.out_features, device=layer.scale.device) for layer in layers]
    pairs = zip(layers, none, strict=True)
    return torch.cat([zero if layer.bias is None else layer.bias for layer, zero in pairs])
