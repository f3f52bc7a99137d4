"""A linear layer or convolution whose inputs and weights are whole numbers on grids.

What it is, is data: the numbers, and the scale and zero of both grids. How it is computed is the
machine's affair: by an integer kernel that was proved here (`integer_kernels`), or in floats of
the same rounded numbers, which is the same but for the order of sums; so it is where a gradient is
wanted, too. Written as ONNX it is a pair of QuantizeLinear and DequantizeLinear before a float
layer, which is how other runtimes take a quantised layer.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.wrapped import is_wrapped
from cartograd.practice.compression.grid import Grid, levels
from cartograd.practice.compression.integer_kernels import (
    Geometry,
    Kernel,
    in_floats,
    input_bits,
    kernel,
)

OPSET = 19
"""Of the ONNX operators that it is written as."""


class QuantisedLayer(nn.Module):
    """A layer with whole numbers for inputs and weights.

    Args:
        weight: in floats.
        bias: added in floats, or None.
        of_weight: the grid of each row of the weight, symmetric.
        of_input: the grid of all inputs, asymmetric.
        geometry: how a convolution moves.
    """

    numbers: Tensor
    scale: Tensor
    bias: Tensor | None
    input_scale: Tensor
    input_zero: Tensor

    def __init__(
        self, weight: Float[Tensor, "d2 ..."], bias: Float[Tensor, " d2"] | None = None, /, *,
        of_weight: Grid, of_input: Grid, geometry: Geometry | None = None,
    ):  # fmt: skip
        super().__init__()
        self.geometry = geometry or Geometry()
        self.high = of_input.high
        self.register_buffer("numbers", of_weight.quantised(weight))
        self.register_buffer("scale", of_weight.scale.reshape(-1).float())
        self.register_buffer("bias", None if bias is None else bias.detach().float())
        self.register_buffer("input_scale", of_input.scale.reshape(()).float())
        self.register_buffer("input_zero", of_input.zero.reshape(()).to(torch.uint8))
        self._pack()
        self.register_load_state_dict_post_hook(lambda layer, _: layer._pack())

    def _pack(self) -> None:
        """Choose the kernel, and the grid that it needs."""
        bits = input_bits(self.numbers.ndim) if self.numbers.device.type == "cpu" else 0
        self.halved = bits == 7 and self.high > levels(7, symmetric=False)[1]
        self.kernel: Kernel | None = None
        if bits:
            grid = self.input_grid
            self.kernel = kernel(
                self.numbers, self.scale, self.bias, float(grid.scale), int(grid.zero),
                self.geometry,
            )  # fmt: skip

    @property
    def input_grid(self) -> Grid:
        """The grid of the inputs; of half as many numbers where the kernel needs that."""
        scale, zero = self.input_scale, self.input_zero.float()
        if self.halved:
            return Grid(2 * scale, (zero / 2).round(), 0, self.high // 2)
        return Grid(scale, zero, 0, self.high)

    @property
    def weight(self) -> Float[Tensor, "d2 ..."]:
        """The rounded weights in floats, for what multiplies by a layer's weight itself."""
        return self.numbers * self.scale.view(-1, *[1] * (self.numbers.ndim - 1))

    def forward(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """What the layer computes of the rounded inputs, in float32."""
        x = x.float()
        if self.geometry.around:
            x = F.pad(x, self.geometry.around, self.geometry.mode)
        if torch.onnx.is_in_onnx_export():
            return self._as_onnx(x)
        if self.kernel is None or not self._fits(x):
            return in_floats(self.input_grid.nearest(x), self.weight, self.bias, self.geometry)
        grid = self.input_grid
        whole = x.div(grid.scale).add_(grid.zero).round_().clamp_(0, grid.high).to(torch.uint8)
        if self.numbers.ndim == 2:
            rows = self.kernel(whole.reshape(-1, whole.shape[-1]))
            return rows.view(*x.shape[:-1], len(self.numbers))
        made = self.kernel(whole)
        return made.contiguous() if x.is_contiguous() else made  # models may view it

    def _fits(self, x: Tensor) -> bool:
        """Whether the kernel takes this: it has no gradient, and no form in a graph."""
        whole = self.numbers.ndim == 2 or x.ndim == self.numbers.ndim
        return (
            whole
            and x.device.type == "cpu"
            and x.numel() > 0
            and not (torch.is_grad_enabled() and x.requires_grad)
            and not torch.compiler.is_compiling()
            and type(x) is Tensor
            and not is_wrapped(x)
        )

    def _as_onnx(self, x: Tensor) -> Tensor:
        def made(name: str, like: Tensor, dtype: torch.dtype, *given: Tensor, **more: Any) -> Any:
            return torch.onnx.ops.symbolic(
                name, given, more, dtype=dtype, shape=like.shape, version=OPSET
            )

        step, zero = self.input_scale, self.input_zero
        if self.high < 255:  # operators of eight bits do not know of fewer
            x = x.clamp(max=(self.high - zero.float()) * step)
        whole = made("QuantizeLinear", x, torch.uint8, x, step, zero)
        x = made("DequantizeLinear", x, torch.float32, whole, step, zero)
        none = torch.zeros_like(self.scale, dtype=torch.int8)
        weight = made(
            "DequantizeLinear", self.numbers, torch.float32, self.numbers, self.scale, none, axis=0
        )
        return in_floats(x, weight, self.bias, self.geometry)

    def rounding(self) -> float:
        """The coarsest step to which a machine may round inputs, as a share of their range.

        Some machines halve a grid of eight bits; and on all of them a sum that ends between two
        numbers may go to either.
        """
        return 1 / min(self.high, levels(7, symmetric=False)[1])

    def extra_repr(self) -> str:
        """Its size, for people."""
        return f"{tuple(self.numbers.shape)}, inputs to {self.high + 1} numbers"

    def __deepcopy__(self, memo: dict[int, Any]) -> "QuantisedLayer":
        return self  # nothing changes it once its weights are loaded
