r"""Products of a few rows with float32, eight-bit and four-bit weights, compiled on this machine.

A step of decoding reads every weight once for one row of inputs or a few. Torch's calls for that
read 12 to 20 GB/s of float32 weights in one thread where 28 can be had, and unpack four bits at a
third of the speed that a processor with dot products of bytes allows. So one file of C
(`few_rows.c`) multiplies where a compiler is there (`c_library`), the products are the exact ones
(`core.kernels`), and they are quicker than what is there without it (`quicker`).

    8 bits   x_j ~ r (p_j - z),  0 <= p <= 255;   y_i = s_i r (sum q p - z sum q) + b_i
             r and z of each row's own range, or of a grid that is given
    4 bits   x_j ~ r_g p_j,  |p| <= 127;   y_i = sum_g r_g (s_ig sum (q - 8) p + o_ig sum p) + b_i

Weights lie in large pages of memory where the system has them: there are fewer to be looked up.

Shapes: weights `d2 d`, inputs `n d`.

References:
    Song Han et al. EIE: efficient inference engine on compressed deep neural network. ISCA 2016
    (a product of one row is worth the bytes of its weights). https://arxiv.org/abs/1602.01528
"""

from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from cartograd.core import kernels
from cartograd.core.kernels import Choice, close
from cartograd.core.wrapped import is_wrapped
from cartograd.engine.device.c_library import c_library
from cartograd.practice.compression import few_rows_call
from cartograd.practice.compression.few_rows_call import COLUMNS, SOURCE, FewRows, Steps
from cartograd.practice.compression.quicker import floats_are

COUNTS = 1, 16
"""Rows of which products with whole numbers are timed; a layer computes all rows alike."""

BITS = 32, 8, 4
"""Of weights."""

GRIDS = Steps(0.25, 100, 255), Steps(0.5, 0, 15)
"""Of inputs, that prove a product."""


def of_floats(weight: Float[Tensor, "d2 d"], bias: Tensor | None, /) -> FewRows | None:
    """A product with float32 weights; None where there is none on this machine."""
    return few_rows_call.floats(weight, bias) if _fits(weight, 32) else None


def of_eight(
    numbers: Int[Tensor, "d2 d"], scale: Float[Tensor, " d2"], bias: Tensor | None, /,
    grid: Steps | None = None,
) -> FewRows | None:  # fmt: skip
    """A product with weights of eight bits, a scale for each row; None as there.

    Columns are a multiple of eight. Inputs are rounded to a grid, or each row by its own range.
    """
    return few_rows_call.eight(numbers, scale, bias, grid) if _fits(numbers, 8) else None


def of_four(
    numbers: UInt8[Tensor, "d2 d"], scale: Float[Tensor, "d2 n"], offset: Float[Tensor, "d2 n"],
    bias: Tensor | None, /,
) -> FewRows | None:  # fmt: skip
    """A product with weights of four bits, from 0 to 15, in groups; None as there.

    Groups are of a multiple of eight columns.
    """
    whole = numbers.shape[1] // scale.shape[1] % COLUMNS == 0
    return few_rows_call.four(numbers, scale, offset, bias) if whole and _fits(numbers, 4) else None


def _fits(weight: Tensor, bits: int) -> bool:
    whole = bits == 32 or weight.shape[1] % COLUMNS == 0
    return weight.device.type == "cpu" and weight.numel() > 0 and whole and exact(bits)


@cache
def exact(bits: int, /) -> bool:
    """Whether compiled products are there and exact on this machine.

    Inputs and weights are whole numbers over their full range and scales powers of two, so that
    rounding leaves them and the result is known.
    """
    if c_library(SOURCE).library is None:
        return False
    draw = torch.Generator().manual_seed(0)
    whole = [(d, d2) for d, d2 in kernels.SHAPES if bits == 32 or d % COLUMNS == 0]
    with torch.inference_mode():
        return all(
            _exact(bits, d, d2, draw) and (bits != 8 or _exact_on_a_grid(d, d2, draw))
            for d, d2 in whole
        )


def _exact(bits: int, d: int, d2: int, draw: torch.Generator) -> bool:
    low, high, groups = {32: (-2048, 2048, 1), 8: (-127, 127, 1), 4: (0, 15, d // 32)}[bits]
    numbers = torch.randint(low, high + 1, (d2, d), generator=draw)
    numbers[0], numbers[-1] = high, low  # the largest sums that there can be
    bias = torch.randint(-9999, 10000, (d2,), generator=draw).float()
    scale = 0.5 ** torch.randint(4, (d2, groups), generator=draw).float()
    offset = scale * torch.randint(-8, 9, scale.shape, generator=draw) * (bits == 4)
    middle = 8 if bits == 4 else 0
    weight = (numbers - middle).unflatten(1, (groups, -1)) * scale[..., None] + offset[..., None]
    made = {
        32: lambda: few_rows_call.floats(weight.flatten(1), bias),
        8: lambda: few_rows_call.eight(numbers.to(torch.int8), scale[:, 0], bias),
        4: lambda: few_rows_call.four(numbers.to(torch.uint8), scale, offset, bias),
    }[bits]()
    for n in (*kernels.ROWS, 19):
        x = torch.randint(256, (n, d), generator=draw).float()
        x[:, ::8], x[:, 1::8] = 0, 255
        x[n // 2] -= 128  # a row of both signs
        if bits == 4:
            x = (x - 128).clamp_(-127, 127)
            x[:, ::8] = 127
        if not close(made(x), x, weight.flatten(1), bias):
            return False
    return True


def _exact_on_a_grid(d: int, d2: int, draw: torch.Generator) -> bool:
    numbers = torch.randint(-127, 128, (d2, d), generator=draw)
    numbers[0] = 127
    bias = torch.randint(-9999, 10000, (d2,), generator=draw).float()
    scale = 0.5 ** torch.randint(4, (d2,), generator=draw).float()
    for grid in GRIDS:
        made = few_rows_call.eight(numbers.to(torch.int8), scale, bias, grid)
        for n in kernels.ROWS:
            whole = torch.randint(-20, grid.most + 20, (n, d), generator=draw)  # some are cut off
            x = (whole - grid.zero) * grid.step
            within = (whole.clamp(0, grid.most) - grid.zero) * grid.step
            if not close(made(x), within, numbers * scale[:, None], bias):
                return False
    return True


def quicker(what: str, usual: Callable[[Tensor], object], few: FewRows, /) -> bool:
    """Whether a compiled product is the quicker one, of one row as of many.

    Args:
        what: kind of the layer.
        usual: what multiplies without it.
        few: the compiled product.
    """
    return all(
        floats_are(
            f"{what} {few.d2, few.d} of {count} rows, compiled",
            lambda x=x: usual(x), lambda x=x: few(x),
        )
        for count in COUNTS
        for x in [torch.linspace(-1, 1, few.d).repeat(count, 1)]
    )  # fmt: skip


def readable(x: Tensor, columns: int, /) -> bool:
    """Whether these are plain rows of so many numbers of which nothing but the product is wanted.

    What is read by its place in memory is asked for its size and type first.
    """
    return (
        type(x) is Tensor
        and x.ndim == 2
        and x.shape[1] == columns
        and x.is_cpu
        and x.dtype == torch.float32
        and not torch.compiler.is_compiling()  # dynamo traces nothing of what follows
        and not x.is_neg()  # signs that memory does not hold
        and not (x.requires_grad and torch.is_grad_enabled())
        and not is_wrapped(x)
        and not torch.compiler.is_exporting()
        and not torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
        and not torch._C._len_torch_dispatch_stack()  # what counts calls of torch sees none of ours
    )


class Compiled:
    """A product with float32 weights: compiled where it can be, else torch's.

    Args:
        weight: in floats.
        bias: added, or None.
    """

    def __init__(self, weight: Float[Tensor, "d2 d"], bias: Float[Tensor, " d2"] | None = None, /):
        self.few, self.bias = of_floats(weight.float(), bias), bias
        self.weight = weight.float() if self.few is None else None

    def __call__(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n d2"]:
        """The product."""
        if self.few is not None and readable(x, self.few.d):
            return self.few(x)
        return F.linear(x, self._weight(), self.bias)

    def _weight(self) -> Tensor:
        if self.few is None:
            assert self.weight is not None
            return self.weight
        laid = self.few.kept[0]
        assert laid is not None
        return few_rows_call.rows(laid, self.few.d2)

    def single(self) -> Callable[[Tensor, Tensor], object] | None:
        """The shorter way of a single row (`core.inference.SingleRow`)."""
        return self.several()

    def several(self) -> Callable[[Tensor, Tensor], object] | None:
        """That of any number (`core.inference.SeveralRows`)."""
        return None if self.few is None else self.few.into


def choice(bits: int, /) -> Choice:
    """What multiplies a few rows by weights of so many bits on this machine."""
    task, usual = f"few rows, {bits}-bit weights", "torch's products"
    found = c_library(SOURCE)
    if found.library is None:
        return Choice(task, usual, usual, found.told)
    if not exact(bits):
        return Choice(task, usual, usual, f"{found.told}, and wrong here")
    return Choice(task, "C, where it is quicker", usual, f"exact; {found.told}")
