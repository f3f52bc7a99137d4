"""Levels of grey as real numbers: noise fills the gaps between them, a logit frees them of bounds.

A density over levels is a probability only once each level is a cell: noise spreads it over its
cell evenly. The mean log-density under the noise is a lower bound of the log-probability. A flow
onto a normal distribution wants numbers without bounds, which the logit gives.

    v = (x (L - 1) + u) / L,    y = logit(a + (1 - 2 a) v),    u uniform in [0, 1)

The determinant is counted per cell, whose width is 1/L, so that `-log p / (d log 2)` is bits per
number and a flow of uniform numbers costs exactly `log2 L`. In training the noise is new each time;
in evaluation it is the same for every example, so that answers repeat and rows stand alone, and has
a number, so that several draws can be told apart. Noise that is not even (see `dequantiser.py`) has
a density `q(u | x)`, and the bound gains `-log q`.

References:
    Benigno Uria, Iain Murray, Hugo Larochelle. RNADE: the real-valued neural autoregressive
    density-estimator. NeurIPS 2013. https://arxiv.org/abs/1306.0186
    Laurent Dinh, Jascha Sohl-Dickstein, Samy Bengio. Density estimation using Real NVP. ICLR 2017.
    https://arxiv.org/abs/1605.08803
"""

import math
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn


@runtime_checkable
class Noise(Protocol):
    """What fills the gaps between levels; an `nn.Module`."""

    def __call__(
        self, x: Float[Tensor, "b ..."], number: int = 0, /
    ) -> tuple[Tensor, Float[Tensor, " b"]]:
        """Noise in [0, 1) for pictures in [0, 1], and minus the logarithm of its density.

        In evaluation the noise of one number is always the same.
        """
        ...


class Levels(nn.Module):
    """The first layer of a flow over pictures.

    Args:
        shape: of one example.
        levels: how many values a number takes, evenly spaced from 0 to 1.
        margin: how far the logit keeps from its poles.
        noise: what fills the gaps between levels; even noise if left out.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        /,
        *,
        levels: int,
        margin: float = 0.05,
        noise: Noise | None = None,
    ):
        super().__init__()
        self.levels, self.margin = levels, margin
        self.noise: Any = EvenNoise(shape) if noise is None else noise

    def forward(
        self, x: Float[Tensor, "b ..."], number: int = 0
    ) -> tuple[Tensor, Float[Tensor, " b"]]:
        """Numbers without bounds by this draw of noise, the log-determinant per cell."""
        noise, gain = self.noise(x, number)
        v = (x * (self.levels - 1) + noise) / self.levels
        inside = self.margin + (1 - 2 * self.margin) * v
        y = inside.log() - (-inside).log1p()
        slope = math.log(1 - 2 * self.margin) - math.log(self.levels) - inside.log()
        return y, gain + (slope - (-inside).log1p()).flatten(1).sum(1)

    def inverse(self, z: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """The level in whose cell a number falls; outside of all, the nearest."""
        v = (z.sigmoid() - self.margin) / (1 - 2 * self.margin)
        level = (v * self.levels).floor().clamp(0, self.levels - 1)
        return level / (self.levels - 1)


class EvenNoise(nn.Module):
    """Uniform numbers in [0, 1): new ones in training, in evaluation the same for every example.

    Args:
        shape: of one example.
    """

    fixed: Tensor

    def __init__(self, shape: tuple[int, ...], /):
        super().__init__()
        self.shape = shape
        self.register_buffer("fixed", self._drawn(0), persistent=False)

    def forward(
        self, x: Float[Tensor, "b ..."], number: int = 0
    ) -> tuple[Tensor, Float[Tensor, " b"]]:
        """The noise, and nothing to gain: its density is one."""
        fixed = self._drawn(number) if number else self.fixed
        noise = torch.rand_like(x) if self.training else fixed.to(x).expand_as(x)
        return noise, torch.zeros_like(x.flatten(1)[:, 0])

    def _drawn(self, number: int) -> Tensor:
        return torch.rand(self.shape, generator=torch.Generator().manual_seed(number))
