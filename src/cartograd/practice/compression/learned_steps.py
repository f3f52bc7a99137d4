"""A layer that is trained while it is rounded: with the straight-through estimator, or LSQ.

Forwards the layer computes with the rounded weights and inputs; backwards rounding counts as doing
nothing (STE). LSQ learns the step sizes, too. With `v = x / s`,

    x~ = s clip(round(v), low, high)

    dx~/ds = round(v) - v   inside,   low or high   where it is cut off

which is multiplied by `1 / sqrt(n high)`, n the numbers that share the step, so that steps and
weights learn at one pace.

References:
    Yoshua Bengio, Nicholas Léonard, Aaron Courville. Estimating or propagating gradients through
    stochastic neurons for conditional computation. 2013. https://arxiv.org/abs/1308.3432
    Steven Esser, Jeffrey McKinstry, Deepika Bablani, Rathinakumar Appuswamy, Dharmendra Modha.
    Learned step size quantization. ICLR 2020. https://arxiv.org/abs/1902.08153
    Sambhav Jain, Albert Gural, Michael Wu, Chris Dick. Trained quantization thresholds for accurate
    and efficient fixed-point inference of deep neural networks. MLSys 2020.
    https://arxiv.org/abs/1903.08066 (the step is learned in its logarithm)
"""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.practice.compression.grid import Grid, extents, grid_of, straight
from cartograd.practice.compression.integer_kernels import Geometry, in_floats
from cartograd.practice.compression.quantised_layer import QuantisedLayer

Estimator = Literal["lsq", "ste"]


def stepped(
    x: Float[Tensor, "..."], step: Float[Tensor, "..."], zero: Tensor, low: int, high: int, /
) -> Float[Tensor, "..."]:
    """Numbers rounded to a grid whose step learns as well: LSQ's two gradients.

    Args:
        x: what is rounded.
        step: between neighbours; broadcasts.
        zero: the number that stands for zero.
        low: the least number.
        high: the largest.
    """
    inside = (x / step).clamp(low - zero, high - zero)
    return straight(inside) * step


def paced(step: Float[Tensor, "..."], shared: int, high: int, /) -> Float[Tensor, "..."]:
    """A step whose gradient is scaled by `1 / sqrt(n high)`.

    Args:
        step: of a grid.
        shared: how many numbers share it.
        high: the largest number of the grid.
    """
    pace = (shared * high) ** -0.5
    return step.detach() + (step - step.detach()) * pace


class SteppedLayer(nn.Module):
    """A linear layer or convolution that learns while its weights and inputs are rounded.

    Args:
        weight: in floats, which learn.
        bias: in floats, or None.
        of_weight: the grid of each row of the weight to begin with, symmetric.
        of_input: the grid of all inputs to begin with, asymmetric.
        geometry: how a convolution moves.
        estimator: whether steps learn (lsq), or those of the weights follow their largest numbers,
            and those of the inputs stay (ste).
    """

    input_zero: Tensor
    input_step: Tensor
    weight_step: Tensor

    def __init__(
        self, weight: Float[Tensor, "d2 ..."], bias: Float[Tensor, " d2"] | None = None, /, *,
        of_weight: Grid, of_input: Grid, geometry: Geometry, estimator: Estimator,
    ):  # fmt: skip
        super().__init__()
        self.geometry, self.estimator = geometry, estimator
        self.low, self.high = of_weight.low, of_weight.high
        self.most = of_input.high
        self.weight = nn.Parameter(weight.detach().clone())
        self.bias = None if bias is None else nn.Parameter(bias.detach().clone())
        self.register_buffer("input_zero", of_input.zero.reshape(()).float())
        steps = of_weight.scale.float().log2(), of_input.scale.reshape(()).float().log2()
        for name, step in zip(("weight_step", "input_step"), steps, strict=True):
            if estimator == "lsq":
                self.register_parameter(name, nn.Parameter(step.clone()))
            else:
                self.register_buffer(name, step.clone())

    def forward(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """What the layer computes of rounded inputs and weights."""
        if self.geometry.around:
            x = F.pad(x, self.geometry.around, self.geometry.mode)
        if self.estimator == "ste":
            x, weight = self.input_grid.nearest(x), self.weight_grid.nearest(self.weight)
            return in_floats(x, weight, self.bias, self.geometry)
        zero = self.input_zero
        step = paced(self.input_step.exp2(), x[0].numel(), self.most)
        x = stepped(x, step, zero, 0, self.most)
        step = paced(self.weight_step.exp2(), self.weight[0].numel(), self.high)
        weight = stepped(self.weight, step, torch.zeros_like(zero), self.low, self.high)
        return in_floats(x, weight, self.bias, self.geometry)

    @property
    def input_grid(self) -> Grid:
        """The grid of the inputs now."""
        return Grid(self.input_step.detach().exp2(), self.input_zero, 0, self.most)

    @property
    def weight_grid(self) -> Grid:
        """The grids of the weight's rows now."""
        if self.estimator == "ste":
            bits = self.high.bit_length() + 1
            return grid_of(*extents(self.weight.detach(), each=(0,)), bits=bits)
        step = self.weight_step.detach().exp2()
        return Grid(step, torch.zeros_like(step), self.low, self.high)

    def rounded(self) -> QuantisedLayer:
        """The layer for inference, with the grids that it has learned."""
        return QuantisedLayer(
            self.weight.detach(), None if self.bias is None else self.bias.detach(),
            of_weight=self.weight_grid, of_input=self.input_grid, geometry=self.geometry,
        )  # fmt: skip
