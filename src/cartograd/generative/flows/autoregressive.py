"""Autoregressive layers: each number is bent as those before it say.

A masked network (MADE) says all parameters at once, for its weights connect an output with earlier
inputs only. So the image and the determinant are one pass; the inverse goes number by number.

    y_i = bend(x_i; net(x_1 ... x_i-1)),    log |det| = sum_i log bend'(x_i)

References:
    Mathieu Germain, Karol Gregor, Iain Murray, Hugo Larochelle. MADE: masked autoencoder for
    distribution estimation. ICML 2015. https://arxiv.org/abs/1502.03509
    George Papamakarios, Theo Pavlakou, Iain Murray. Masked autoregressive flow for density
    estimation. NeurIPS 2017. https://arxiv.org/abs/1705.07057
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.foundations.activations.layer import Activation
from cartograd.generative.flows.bends import Bend


class MaskedLinear(nn.Linear):
    """A linear layer in which some inputs reach some outputs only.

    Args:
        mask: outputs by inputs, 1 where they are connected.
    """

    mask: Tensor

    def __init__(self, mask: Float[Tensor, "k d"], /):
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, input: Float[Tensor, "b d"]) -> Float[Tensor, "b k"]:
        """As a linear layer."""
        return F.linear(input, self.weight * self.mask, self.bias)


def masked_network(
    features: int, count: int, /, *, widths: tuple[int, ...], activation: str
) -> nn.Sequential:
    """A multilayer perceptron whose outputs for a number depend on the numbers before it.

    Args:
        features: numbers.
        count: outputs for each; they come in `count` blocks of `features`.
        widths: units of the hidden layers. Each sees the numbers up to its own, which take turns.
        activation: the nonlinearity, by name.
    """
    before, layers = torch.arange(features), []
    for width in widths:
        own = torch.arange(width) % max(1, features - 1)
        layers += [MaskedLinear((own[:, None] >= before).float()), Activation(activation)]
        before = own
    last = MaskedLinear((torch.arange(features).repeat(count)[:, None] > before).float())
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers, last)


class Autoregressive(nn.Module):
    """One layer.

    Args:
        bend: what is done with each number.
        net: from all numbers to the parameters of the bend.
    """

    def __init__(self, bend: Bend, net: nn.Module, /):
        super().__init__()
        self.bend, self.net = bend, net

    def forward(self, x: Float[Tensor, "b d"]) -> tuple[Tensor, Float[Tensor, " b"]]:
        """The image and the log-determinant, in one pass."""
        y, slope = self.bend(x, self._said(x))
        return y, slope.sum(1)

    def inverse(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """What is mapped to `z`, a pass for each number."""
        x = torch.zeros_like(z)
        for i in range(z.shape[1]):
            one = self.bend.inverse(z[:, i], self._said(x)[:, :, i])
            x = torch.cat([x[:, :i], one[:, None], x[:, i + 1 :]], dim=1)
        return x

    def _said(self, x: Tensor) -> Tensor:
        return self.net(x).unflatten(1, (self.bend.count, -1))


class Inverted(nn.Module):
    """A layer the other way round.

    Args:
        layer: one that gives an image and a log-determinant, and has an inverse.
    """

    def __init__(self, layer: nn.Module, /):
        super().__init__()
        self.layer: Any = layer

    def forward(self, x: Float[Tensor, "b d"]) -> tuple[Tensor, Float[Tensor, " b"]]:
        """What the layer maps to `x`, and minus its log-determinant there."""
        y = self.layer.inverse(x)
        return y, -self.layer(y)[1]

    def inverse(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """The layer's image."""
        return self.layer(z)[0]


class Reversed(nn.Module):
    """The numbers from last to first, so that the next layer has another order."""

    def forward(self, x: Float[Tensor, "b d"]) -> tuple[Tensor, Float[Tensor, " b"]]:
        """No number changes."""
        return x.flip(1), torch.zeros_like(x[:, 0])

    def inverse(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """From first to last again."""
        return z.flip(1)
