"""Kernels chosen on this machine: how each is proved, and what the choice fell on.

The same function of torch runs other code on other processors, and some of it is wrong: without
VNNI the integer products add pairs of 8-bit products in 16 bits, and what does not fit is cut off.
So a kernel is taken where it gave, in this process, the exact result for shapes that models have,
with weights and inputs over the whole of their range; else its fallback is. `cartograd doctor`
names both.

    |found - exact| <= 1e-6 (sum |x| |W| + |b|) + rounding (|exact| + |b|)

Shapes: weights `d2 d`, inputs `n d`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

SHAPES = (576, 1536), (1536, 576), (37, 53)
"""Inputs and outputs of the products that prove a kernel: a small language model's, and odd ones"""
ROWS = 1, 2, 5
"""Rows of inputs of each."""
SUMS = 1e-6
"""What float32 may lose in adding up, as a share of what is added."""


@dataclass(frozen=True)
class Choice:
    """What a choice between kernels fell on.

    Attributes:
        task: what is computed.
        chosen: what computes it on this machine.
        fallback: what would, were that wrong or slow here; the same, where it was taken.
        reason: why.
    """

    task: str
    chosen: str
    fallback: str
    reason: str


Case = tuple[Float[Tensor, "n d"], Float[Tensor, "d2 d"], Float[Tensor, " d2"]]
"""Inputs, a weight and a bias, in float32."""


def cases(*, rows: tuple[int, ...] = ROWS) -> Iterator[Case]:
    """Products of all shapes; their numbers have both signs and many orders of magnitude."""
    draw = torch.Generator().manual_seed(0)
    for d, d2 in SHAPES:
        weight, bias = _wide(draw, d2, d) / 8, _wide(draw, d2)
        for n in rows:
            yield _wide(draw, n, d), weight, bias


def right(
    product: Callable[[Tensor, Tensor, Tensor], Tensor],
    /,
    *,
    dtype: torch.dtype = torch.float32,
    rows: tuple[int, ...] = ROWS,
) -> bool:
    """Whether a product `x W^T + b` is the exact one, but for the rounding of its number format.

    Args:
        product: of inputs, a weight and a bias in float32, whose numbers `dtype` can hold.
        dtype: what the product computes in; sums are to be kept in float32.
        rows: of inputs.
    """
    step = torch.finfo(dtype).eps if dtype != torch.float32 else 0.0
    try:
        for x, weight, bias in cases(rows=rows):
            x, weight, bias = (number.to(dtype).float() for number in (x, weight, bias))
            if not close(product(x, weight, bias), x, weight, bias, rounding=step):
                return False
    except (RuntimeError, AttributeError, NotImplementedError):  # this torch has no such kernel
        return False
    return True


def close(
    found: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None, /, *, rounding: float = 0.0
) -> bool:
    """Whether a product is the exact one, but for rounding; not where it is no number."""
    x, weight = x.double(), weight.double()
    bias = torch.zeros(len(weight), dtype=torch.float64) if bias is None else bias.double()
    exact, all_of_it = x @ weight.mT + bias, x.abs() @ weight.abs().mT + bias.abs()
    off = (found.double() - exact).abs()
    return bool((off <= SUMS * all_of_it + rounding * (exact.abs() + bias.abs())).all())


def _wide(draw: torch.Generator, *shape: int) -> Tensor:
    """Numbers around 1, from thousandths to tens."""
    powers = torch.rand(shape, generator=draw, dtype=torch.float32) * 8 - 6
    return torch.randn(shape, generator=draw, dtype=torch.float32) * powers.exp2()
