"""Integer products and convolutions of oneDNN, each proved on this processor before it is used.

Both inputs and weights are whole numbers on grids that were found before (`grid`). The kernels add
exact products in 32 bits and give floats:

    y = s_x s_w sum (x_q - z) w_q + b

Without VNNI a processor adds pairs of products in 16 bits first, and cuts off what does not fit:
255 * 127 twice does not, 127 * 127 twice does. So whole numbers over the full range go through
layers of shapes that models have, and must come out exactly; with eight bits of the inputs, else
with seven, else the layers compute with floats of the same rounded numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float, Integer
from torch import Tensor, nn

from cartograd.core.kernels import ROWS, SHAPES, Choice

BITS = 8, 7
"""Bits of the inputs that are tried, the best first."""

SIDE = 9
"""Pixels of a side of the pictures that prove a kernel."""

CONVOLUTIONS = (
    (64, 64, 3, 1, 1), (32, 48, 1, 1, 1), (3, 16, 5, 2, 1), (32, 32, 3, 1, 32), (5, 7, 3, 1, 1),
)  # fmt: skip
"""Input and output channels, kernel, stride and groups of the convolutions that prove one."""


@dataclass(frozen=True)
class Geometry:
    """How a kernel moves over its input; of a linear layer there is nothing to tell.

    Attributes:
        stride: along each dimension.
        padding: zeros on either side of each dimension.
        dilation: along each dimension.
        groups: of channels that do not see each other.
        around: how much is padded before, where it is no such zeros, as `F.pad` has it.
        mode: of that.
    """

    stride: tuple[int, ...] = ()
    padding: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    groups: int = 1
    around: tuple[int, ...] = ()
    mode: str = "constant"


def geometry_of(layer: nn.Module, /) -> Geometry:
    """That of a layer of torch."""
    if not isinstance(layer, nn.modules.conv._ConvNd):
        return Geometry()
    stride, dilation = tuple(layer.stride), tuple(layer.dilation)
    plain = layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    if plain:
        return Geometry(stride, tuple(map(int, layer.padding)), dilation, layer.groups)
    around = tuple(layer._reversed_padding_repeated_twice)
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    return Geometry(stride, (0,) * len(stride), dilation, layer.groups, around, mode)


def in_floats(
    x: Float[Tensor, "..."], weight: Float[Tensor, "d2 ..."], bias: Tensor | None, to: Geometry, /
) -> Float[Tensor, "..."]:
    """What a layer computes: a product, or a convolution of one to three dimensions."""
    if weight.ndim == 2:
        return F.linear(x, weight, bias)
    convolved = (F.conv1d, F.conv2d, F.conv3d)[weight.ndim - 3]
    return convolved(x, weight, bias, to.stride, to.padding, to.dilation, to.groups)


Kernel = Callable[[Integer[Tensor, "..."]], Float[Tensor, "..."]]
"""From whole numbers, unsigned and in eight bits, to floats."""


def kernel(
    numbers: Integer[Tensor, "d2 ..."], scale: Float[Tensor, " d2"], bias: Tensor | None,
    step: float, zero: int, to: Geometry, /,
) -> Kernel:  # fmt: skip
    """A layer's kernel, its weights laid out for it.

    Args:
        numbers: the weights.
        scale: of each row of them.
        bias: in floats.
        step: scale of the inputs.
        zero: the number that stands for zero there.
        to: how it moves.
    """
    ops, zeros = torch.ops.onednn, torch.zeros(len(numbers), dtype=torch.int32)
    end = (1.0, 0, torch.float32, "none", [], "")
    if numbers.ndim == 2:
        packed = ops.qlinear_prepack(numbers, None)
        return lambda x: ops.qlinear_pointwise(x, step, zero, packed, scale, zeros, bias, *end)
    how = [*map(list, (to.stride, to.padding, to.dilation)), to.groups]
    packed = ops.qconv_prepack(numbers, scale, step, zero, *how, None)
    return lambda x: ops.qconv_pointwise(x, step, zero, packed, scale, zeros, bias, *how, *end)


@cache
def input_bits(ndim: int, /) -> int:
    """To how many bits inputs are rounded for integer kernels; 0 if these are wrong here.

    Args:
        ndim: dimensions of the layer's weight: 2 of a product, 3 to 5 of a convolution.
    """
    return next((bits for bits in BITS if exact(bits, ndim)), 0)


def exact(bits: int, ndim: int, /) -> bool:
    """Whether integer layers are exact on this processor with inputs of so many bits."""
    draw = torch.Generator().manual_seed(0)
    cases = _products(draw, bits) if ndim == 2 else _convolutions(draw, bits, ndim - 2)
    try:
        return all(_exact(x, shape, to, draw) for x, shape, to in cases)
    except (RuntimeError, AttributeError, NotImplementedError):
        return False


Case = tuple[Tensor, Sequence[int], Geometry]


def _products(draw: torch.Generator, bits: int) -> list[Case]:
    return [
        (_whole(draw, bits, n, d), (d2, d), Geometry()) for d, d2 in SHAPES for n in ROWS
    ]  # fmt: skip


def _convolutions(draw: torch.Generator, bits: int, dims: int) -> list[Case]:
    few = 2 if dims == 3 else 1  # of three dimensions there are enough products without all
    return [
        (
            _whole(draw, bits, 2, a, *[SIDE] * dims),
            (b, a // groups, *[k] * dims),
            Geometry((stride,) * dims, (k // 2,) * dims, (1,) * dims, groups),
        )
        for a, b, k, stride, groups in CONVOLUTIONS[few - 1 :]
    ]


def _whole(draw: torch.Generator, bits: int, *shape: int) -> Tensor:
    return torch.randint(2**bits, shape, generator=draw, dtype=torch.uint8)


def _exact(x: Tensor, shape: Sequence[int], to: Geometry, draw: torch.Generator) -> bool:
    """Whether the answer is the integer one times the scales, which are powers of two."""
    numbers = torch.randint(-127, 128, tuple(shape), generator=draw, dtype=torch.int8)
    numbers[0] = 127  # the largest sums that there can be
    scale = 0.5 ** torch.randint(4, (shape[0],), generator=draw).float()
    bias = torch.randint(-9999, 10000, (shape[0],), generator=draw).float()
    found = kernel(numbers, scale, bias, 0.25, 100, to)(x)
    wide = scale.double().view(-1, *[1] * (len(shape) - 1)) * numbers
    expected = in_floats((x.double() - 100) / 4, wide, bias.double(), to)
    off = (found.double() - expected).abs()
    return bool((off <= 1e-6 * expected.abs().amax()).all())


def choice(ndim: int, /) -> Choice:
    """What computes layers in eight bits on this machine; see `input_bits`."""
    task = "int8 products" if ndim == 2 else "int8 convolutions"
    floats = "floats of the rounded numbers"
    names = {bits: f"integers, {bits}-bit inputs" for bits in BITS} | {0: floats}
    bits = input_bits(ndim)
    reason = {
        8: "exact over the full range",
        7: "with 8-bit inputs this processor cuts off sums; with 7 bits they are exact",
        0: "oneDNN's integer kernels are wrong or missing here",
    }
    return Choice(task, names[bits], names[7] if bits == 8 else floats, reason[bits])
