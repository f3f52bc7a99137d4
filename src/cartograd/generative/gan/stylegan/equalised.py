"""Equalised learning rates: all weights are stored at size 1, and scaled where they are used.

An optimizer that divides by the gradient's size, as Adam does, moves each weight by about the
learning rate. With weights of the same size in every layer all layers learn at the same speed.

    w = stored * rate / sqrt(fan_in),    stored ~ N(0, 1) / rate

Shapes: as `nn.Linear` and `nn.Conv2d`.

References:
    Tero Karras, Timo Aila, Samuli Laine, Jaakko Lehtinen. Progressive growing of GANs for improved
    quality, stability, and variation. ICLR 2018. https://arxiv.org/abs/1710.10196

>>> import torch
>>> torch.manual_seed(0)  # doctest: +ELLIPSIS
<torch...>
>>> bool((EqualisedLinear(400, 50)(torch.randn(9, 400)).std() - 1).abs() < 0.1)
True
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.generative.gan.stylegan.resampling import blurred

SLOPE, GAIN = 0.2, 2**0.5
"""Of the leaky ReLU: below zero, and of its answer, which so keeps the size of a normal number."""


def bent(x: Float[Tensor, "..."], /) -> Float[Tensor, "..."]:
    """A leaky ReLU that keeps the size of its input."""
    return F.leaky_relu(x, SLOPE) * GAIN


class EqualisedLinear(nn.Module):
    """A dense layer.

    Args:
        before, after: numbers of the input and of the answer.
        rate: how fast it learns beside other layers.
        bias: the bias at first.
    """

    def __init__(self, before: int, after: int, /, *, rate: float = 1.0, bias: float = 0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before) / rate)
        self.bias = nn.Parameter(torch.full((after,), bias / rate))
        self.rate, self.scale = rate, rate / before**0.5

    def forward(self, x: Float[Tensor, "... d1"]) -> Float[Tensor, "... d2"]:
        """Before the nonlinearity."""
        return F.linear(x, self.weight * self.scale, self.bias * self.rate)


class EqualisedConv(nn.Module):
    """A convolution, which may halve the size after the filter of `resampling`.

    Args:
        before, after: channels.
        kernel_size: 1 or 3.
        bias: whether there is one.
        down: whether the size is halved.
    """

    def __init__(
        self, before: int, after: int, kernel_size: int, /, *, bias: bool = True, down: bool = False
    ):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(after)) if bias else None
        self.scale, self.down = 1 / (before * kernel_size**2) ** 0.5, down
        self.padding = kernel_size // 2

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c2 y2 x2"]:
        """Before the nonlinearity."""
        weight = self.weight * self.scale
        if not self.down:
            return F.conv2d(x, weight, self.bias, padding=self.padding)
        x = blurred(x, padding=1 + self.padding)
        return F.conv2d(x, weight, self.bias, stride=2)
