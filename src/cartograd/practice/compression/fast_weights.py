"""Number formats for decoding, and which of them is the fastest on this machine.

A step of decoding reads each weight once. How fast that goes depends on the bytes of a weight, and
on kernels whose speed differs by a factor of ten between machines and formats; so it is measured,
once, on a product of the model's own shape.

    float32    exact; torch's `linear`, `float_products` or `few_rows`, the quickest one
    float16    half the bytes, 3.5e-4 of error; for many rows the weights are made floats again
    bf16       half the bytes, 3e-3 of error
    int8       a quarter (see `int8_weights`), 1e-2 of error; 2e-2 where inputs have seven bits
    int4       an eighth (see `group_weights`), 1e-1 of error: on request alone, never by `auto`;
               the scores are computed with weights of eight bits where these are exact

Where a processor multiplies wrongly in a format (see `core.kernels`), its weights are made floats.
"""

import sys
from collections.abc import Callable, Sequence
from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from cartograd.architectures.transformer.inference_form import Maker, Product
from cartograd.core.errors import unknown
from cartograd.core.inference import Fusible
from cartograd.core.kernels import Choice, right
from cartograd.core.large_pages import begin_anew
from cartograd.core.pages import trim
from cartograd.core.protocols import Writer
from cartograd.practice.compression import few_rows, group_weights, int8_linear, int8_weights
from cartograd.practice.compression.float_products import Columns
from cartograd.practice.compression.quicker import clock

SECONDS = 0.02
"""How long a product is repeated; the best counts."""


def inference_form(model: Fusible, precision: str = "float32", /) -> Writer:
    """A model in inference form with its weights in a number format.

    Args:
        model: with its weights; it stays as it is.
        precision: float32, float16, bf16, int8, int4, or auto for the fastest but int4.

    Raises:
        UsageError: there is no such format.
    """
    if precision not in (*FORMATS, "auto"):
        raise unknown("number format", precision, [*FORMATS, "auto"])
    usual = tuple(name for name in MAKERS if name != "int4")
    names = usual if precision == "auto" else FORMATS[precision]
    maker = MAKERS[quickest(names, model.largest_product())]
    begin_anew()
    trim()  # what was only made to be timed
    form = model.inference_form(maker)
    trim()  # what was only made to be rounded
    return form


def quickest(names: Sequence[str], shape: tuple[int, int], /) -> str:
    """Which of some products is the fastest for one row, with a weight of this shape.

    It is measured once a process, for each number of threads.

    Args:
        names: of `MAKERS`.
        shape: of the weight.
    """
    names = [name for name in names if name != "compiled" or few_rows.exact(32)]
    if len(names) == 1:
        return names[0]
    return _measured(tuple(names), shape, torch.get_num_threads())


@cache
def _measured(names: tuple[str, ...], shape: tuple[int, int], threads: int) -> str:
    assert threads > 0  # only a key
    x = torch.ones(1, shape[1])
    # Several weights in turn, together larger than a cache: a model's do not stay in it, either.
    weights = [torch.ones(shape) for _ in range(max(1, int(4e7 / (4 * shape[0] * shape[1]))))]
    return min(names, key=lambda name: seconds([MAKERS[name](w, None) for w in weights], x))


def seconds(products: list[Product], x: Float[Tensor, "1 d"], /) -> float:
    """The best time of one product, over a while of taking them in turn."""
    best, end = float("inf"), clock() + SECONDS
    with torch.inference_mode():
        for product in products:
            product(x)
        while clock() < end or best == float("inf"):
            start = clock()
            for product in products:
                product(x)
            best = min(best, (clock() - start) / len(products))
    return best


def rows(weight: Tensor, bias: Tensor | None, /) -> Product:
    """Torch's `linear`."""
    return lambda x: F.linear(x, weight, bias)


def float16(weight: Tensor, bias: Tensor | None, /) -> Product:
    """float16 for one or two rows; for more, the same numbers in float32."""
    return Halves(torch.float16, weight, bias, most=2)


def bf16(weight: Tensor, bias: Tensor | None, /) -> Product:
    """bfloat16."""
    return Halves(torch.bfloat16, weight, bias, most=sys.maxsize)


class Halves:
    """A product in 16 bits up to so many rows; for more, and where it is wrong, in float32.

    Args:
        dtype: of the weights.
        weight: in floats.
        bias: added, or None.
        most: rows.
    """

    def __init__(self, dtype: torch.dtype, weight: Tensor, bias: Tensor | None, /, *, most: int):
        self.small, self.bias = weight.to(dtype), bias
        self.less = None if bias is None else bias.to(dtype)
        self.most = most if exact(dtype) else 0

    def __call__(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n d2"]:
        """The product, in float32."""
        if len(x) <= self.most:
            return F.linear(x.to(self.small.dtype), self.small, self.less).float()
        return F.linear(x, self.small.float(), self.bias)

    def single(self) -> Callable[[Tensor, Tensor], object] | None:
        """The shorter way of a single row (`core.inference.SingleRow`)."""
        if self.most < 1:
            return None
        small, less = self.small, self.less
        row = small.new_empty(1, small.shape[1])
        return lambda x, y: y.copy_(F.linear(row.copy_(x), small, less))


@cache
def exact(dtype: torch.dtype, /) -> bool:
    """Whether this processor's products in a 16-bit number format are correct."""

    def product(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.linear(x.to(dtype), weight.to(dtype), bias.to(dtype)).float()

    with torch.inference_mode():
        return right(product, dtype=dtype, rows=(1, 2))


def choice(name: str, /) -> Choice:
    """What multiplies by weights in 16 bits, float16 or bf16, on this machine."""
    floats = "floats of the rounded weights"
    if exact({"float16": torch.float16, "bf16": torch.bfloat16}[name]):
        return Choice(f"{name} weights", name, floats, "exact but for its rounding")
    return Choice(f"{name} weights", floats, floats, f"{name} products are wrong or missing here")


class Int4:
    """Weights of four bits; those of the scores keep eight where such products are exact."""

    def __call__(self, weight: Tensor, bias: Tensor | None, /) -> Product:
        """The product, of four bits."""
        return group_weights.product(weight, bias)

    def scores(self, weight: Tensor, bias: Tensor | None, /) -> Product:
        """That of a vocabulary: no slower in eight bits, and what is said depends on it most."""
        finer = few_rows.exact(8) or int8_linear.input_bits() == max(int8_linear.BITS)
        return (int8_weights if finer else group_weights).product(weight, bias)


MAKERS: dict[str, Maker] = {
    "rows": rows,
    "columns": Columns,
    "compiled": few_rows.Compiled,
    "float16": float16,
    "bf16": bf16,
    "int8": int8_weights.product,
    "int4": Int4(),
}
"""Ways to multiply, by name."""

FORMATS: dict[str, tuple[str, ...]] = {
    "float32": ("rows", "columns", "compiled"),
    "float16": ("float16",),
    "bf16": ("bf16",),
    "int8": ("int8",),
    "int4": ("int4",),
}
"""The ways that each number format has."""
