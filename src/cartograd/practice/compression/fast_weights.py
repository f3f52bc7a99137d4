"""Number formats for decoding, and which of them is the fastest on this machine.

A step of decoding reads each weight once. How fast that goes depends on the bytes of a weight, and
on kernels whose speed differs by a factor of ten between machines and formats; so it is measured,
once, on a product of the model's own shape.

    float32    exact; torch's `linear`, or a product with the transposed weights, the quicker one
    float16    half the bytes, 3.5e-4 of error; for many rows the weights are made floats again
    bf16       half the bytes, 3e-3 of error
    int8       a quarter (see `int8_weights`), 1e-2 of error; 2e-2 where inputs have seven bits
    int4       an eighth (see `group_weights`), 1e-1 of error: on request alone, never by `auto`

Where a processor multiplies wrongly in a format (see `core.kernels`), its weights are made floats.
"""

import sys
import time
from collections.abc import Sequence
from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from cartograd.architectures.transformer.inference_form import Maker, Product
from cartograd.core.errors import unknown
from cartograd.core.inference import Fusible
from cartograd.core.kernels import Choice, right
from cartograd.core.protocols import Writer
from cartograd.practice.compression import group_weights, int8_weights

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
    return model.inference_form(MAKERS[quickest(names, model.largest_product())])


def quickest(names: Sequence[str], shape: tuple[int, int], /) -> str:
    """Which of some products is the fastest for one row, with a weight of this shape.

    It is measured once a process, for each number of threads.

    Args:
        names: of `MAKERS`.
        shape: of the weight.
    """
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
    best, end = float("inf"), time.perf_counter() + SECONDS
    with torch.inference_mode():
        for product in products:
            product(x)
        while time.perf_counter() < end or best == float("inf"):
            start = time.perf_counter()
            for product in products:
                product(x)
            best = min(best, (time.perf_counter() - start) / len(products))
    return best


def rows(weight: Tensor, bias: Tensor | None, /) -> Product:
    """Torch's `linear`."""
    return lambda x: F.linear(x, weight, bias)


def columns(weight: Tensor, bias: Tensor | None, /) -> Product:
    """The same with the weight transposed in memory, which suits some machines better."""
    turned = weight.t().contiguous()
    if bias is None:
        return lambda x: torch.mm(x, turned)
    return lambda x: torch.addmm(bias, x, turned)


def float16(weight: Tensor, bias: Tensor | None, /) -> Product:
    """float16 for one or two rows; for more, the same numbers in float32."""
    return _halves(torch.float16, weight, bias, most=2)


def bf16(weight: Tensor, bias: Tensor | None, /) -> Product:
    """bfloat16."""
    return _halves(torch.bfloat16, weight, bias)


def _halves(
    dtype: torch.dtype, weight: Tensor, bias: Tensor | None, /, *, most: int | None = None
) -> Product:
    """A product in 16 bits up to so many rows; for more, and where it is wrong, in float32."""
    small, less = weight.to(dtype), None if bias is None else bias.to(dtype)
    most = (sys.maxsize if most is None else most) if exact(dtype) else 0

    def product(x: Tensor) -> Tensor:
        if len(x) <= most:
            return F.linear(x.to(dtype), small, less).float()
        return F.linear(x, small.float(), bias)

    return product


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


MAKERS: dict[str, Maker] = {
    "rows": rows,
    "columns": columns,
    "float16": float16,
    "bf16": bf16,
    "int8": int8_weights.product,
    "int4": group_weights.product,
}
"""Ways to multiply, by name."""

FORMATS: dict[str, tuple[str, ...]] = {
    "float32": ("rows", "columns"),
    "float16": ("float16",),
    "bf16": ("bf16",),
    "int8": ("int8",),
    "int4": ("int4",),
}
"""The ways that each number format has."""
