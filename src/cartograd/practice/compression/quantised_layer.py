"""A linear layer or convolution whose inputs and weights are whole numbers on grids.

What it is, is data: the numbers, and the scale and zero of both grids. How it is computed is the
machine's affair: by a compiled product of whole numbers (`few_rows`; of linear layers, where it is
quicker) or an integer kernel of torch's (`integer_kernels`), either proved here, or in floats of
the same rounded numbers, which is the same but for the order of sums: where these are quicker
(`quicker`), and where a gradient is wanted. Written as ONNX it is a pair of QuantizeLinear and
DequantizeLinear before a float layer, which is how other runtimes take a quantised layer.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.wrapped import is_wrapped
from cartograd.practice.compression import few_rows
from cartograd.practice.compression.few_rows_call import FewRows, Steps
from cartograd.practice.compression.grid import Grid, levels
from cartograd.practice.compression.integer_kernels import (
    Geometry,
    Kernel,
    in_floats,
    input_bits,
    kernel,
)
from cartograd.practice.compression.own_type import keeping, type_after
from cartograd.practice.compression.quicker import WEIGHTS, batch, floats_are

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

    simulates = False
    dtype = torch.float32
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
        here = self.numbers.device.type == "cpu"
        bits = input_bits(self.numbers.ndim) if here else 0
        wide = self.high > levels(7, symmetric=False)[1]
        self.kernel: Kernel | None = None
        self.whole: Tensor | None = None
        self.chosen: dict[tuple[int, ...], str] = {}
        self.few = self._compiled(bits, wide=wide) if here and self.numbers.ndim == 2 else None
        self.halved = self.few is None and bits == 7 and wide
        if not here:
            return
        grid = self.input_grid
        self.step, self.zero, self.most = float(grid.scale), int(grid.zero), grid.high
        if bits and self.few is None:
            self.kernel = self._kernel(self.step, self.zero)

    def _kernel(self, step: float, zero: int) -> Kernel:
        return kernel(self.numbers, self.scale, self.bias, step, zero, self.geometry)

    def _compiled(self, bits: int, *, wide: bool) -> FewRows | None:
        """A compiled product, if it is quicker than torch's kernel; it needs no smaller grid."""
        grid = Steps(float(self.input_scale), int(self.input_zero), self.high)
        few = few_rows.of_eight(self.numbers, self.scale, self.bias, grid)
        if few is None or not bits:
            return few
        most = grid.most // 2 if bits == 7 and wide else grid.most
        torchs = self._kernel(grid.step, grid.zero)

        def usual(x: Tensor) -> Tensor:
            whole = x.div(grid.step).add_(grid.zero).round_().clamp_(0, most)
            return torchs(whole.to(torch.uint8))

        return few if few_rows.quicker("int8, one grid", usual, few) else None

    @property
    def input_grid(self) -> Grid:
        """The grid of the inputs; of half as many numbers where the kernel needs that."""
        scale, zero = self.input_scale, self.input_zero.float()
        if self.halved and not self.simulates:
            return Grid(2 * scale, (zero / 2).round(), 0, self.high // 2)
        return Grid(scale, zero, 0, self.high)

    @property
    def weight(self) -> Float[Tensor, "d2 ..."]:
        """The rounded weights in floats, for what multiplies by a layer's weight itself."""
        return self.numbers * self.scale.view(-1, *[1] * (self.numbers.ndim - 1))

    def forward(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """What the layer computes of the rounded inputs, in float32."""
        if self.few is not None and self._readable(x) and self.follows(x.shape):
            return self.few(x)
        y = self._answered(x.float())
        return y if self.dtype == torch.float32 else y.to(self.dtype)

    def _answered(self, x: Tensor) -> Tensor:
        if self.geometry.around:
            x = F.pad(x, self.geometry.around, self.geometry.mode)
        if self._fits(x):
            form = self.chosen.get(x.shape) or self._choose(x)
            return self._floats(x) if form == "floats" else self._integers(x)
        if torch.onnx.is_in_onnx_export():
            return self._as_onnx(x)
        return in_floats(self.input_grid.nearest(x), self.weight, self.bias, self.geometry)

    def follows(self, shape: tuple[int, ...], /) -> bool:
        """Whether the compiled product is what computes inputs of this shape."""
        plain = self.few is not None and self.dtype == torch.float32 and not self.simulates
        return plain and self.chosen.get(shape) == "integers"

    def _readable(self, rows: Tensor) -> bool:
        return few_rows.readable(rows, self.numbers.shape[1])

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "QuantisedLayer":
        """Answers are of the type that is asked for; what is kept stays as it is."""
        self.dtype = type_after(fn, self.dtype)
        super()._apply(keeping(fn), recurse)
        return self

    def _rounded(self, x: Tensor) -> Tensor:
        return x.div(self.step).add_(self.zero).round_().clamp_(0, self.most)

    def _integers(self, x: Tensor) -> Tensor:
        if self.few is not None:
            return self.few(x.reshape(-1, x.shape[-1])).view(*x.shape[:-1], len(self.numbers))
        assert self.kernel is not None
        whole = self._rounded(x).to(torch.uint8)
        if self.numbers.ndim == 2:
            rows = self.kernel(whole.reshape(-1, whole.shape[-1]))
            return rows.view(*x.shape[:-1], len(self.numbers))
        made = self.kernel(whole)
        return made.contiguous() if x.is_contiguous() else made  # models may view it

    def _floats(self, x: Tensor) -> Tensor:
        """The same sums of the same rounded numbers."""
        if self.whole is None:
            self.whole = self.weight
        x = self._rounded(x).sub_(self.zero).mul_(self.step)
        return in_floats(x, self.whole, self.bias, self.geometry)

    @property
    def form(self) -> str:
        """What the last shape of inputs that was new is computed in: `integers` or `floats`."""
        return next(reversed(self.chosen.values()), "")

    def _choose(self, x: Tensor) -> str:
        """The quicker form for inputs of this shape, which is noted."""
        dims = self.numbers.ndim
        count = x.shape[0] if dims > 2 else x.numel() // x.shape[-1]
        shape = batch(count), *(x.shape[1:] if dims > 2 else x.shape[-1:])
        floats = self.numbers.numel() <= WEIGHTS and floats_are(
            f"{tuple(self.numbers.shape)} {self.geometry} of {shape}",
            lambda: self._integers(x), lambda: self._floats(x),
        )  # fmt: skip
        self.chosen[x.shape] = "floats" if floats else "integers"
        if "floats" not in self.chosen.values():
            self.whole = None
        return self.chosen[x.shape]

    def _fits(self, x: Tensor) -> bool:
        """Whether a kernel takes this: it has no gradient, and no form in a graph."""
        return (
            (self.kernel is not None or self.few is not None)
            and not self.simulates
            and (self.numbers.ndim == 2 or x.ndim == self.numbers.ndim)
            and x.device.type == "cpu"
            and x.numel() > 0
            and not (torch.is_grad_enabled() and x.requires_grad)
            and not torch.compiler.is_compiling()
            and type(x) is Tensor
            and not is_wrapped(x)
            and (self.few is None or self._readable(x.reshape(-1, x.shape[-1])))
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
