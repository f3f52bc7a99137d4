"""Products with float32 weights that are transposed in memory, each by the quickest call for it.

A row of inputs reads every weight once, so its product is worth what the call reads a second; many
rows compute. The same numbers in the same layout go to

    one row      torch's product, or a sum of the weights' rows with the inputs as shares of each
                 (`embedding_bag`, which fetches rows before it needs them)
    more rows    torch's product, or oneDNN's

by a measurement that is kept for this machine (`quicker`), where the call gave the exact result
(`core.kernels`); else torch's product is taken.

Shapes: weights `d2 d`, kept as `d d2`; inputs `n d`.

>>> weight = torch.randn(16, 8)
>>> torch.allclose(Columns(weight)(torch.eye(8)), weight.t())
True
"""

from collections.abc import Callable
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.kernels import right
from cartograd.practice.compression.quicker import batch, floats_are

READ = 4e7
"""Bytes of the weights that are read in turn where one row is timed: more than a cache keeps."""

MOST = 64
"""Rows that are timed at most; a product of more takes what was found for so many."""

LEAST = 2**16
"""Weights from which another call than torch's product is tried."""


class Columns:
    """A product with a weight that is transposed in memory.

    Args:
        weight: in floats.
        bias: added, or None.
    """

    def __init__(self, weight: Float[Tensor, "d2 d"], bias: Float[Tensor, " d2"] | None = None, /):
        self.turned, self.bias = weight.float().t().contiguous(), bias

    def __call__(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n d2"]:
        """The product."""
        large = self.turned.numel() >= LEAST and self.turned.is_cpu
        if large and len(x) == 1 and sums(*self.turned.shape):
            return by_rows(x, self.turned, self.bias)
        if large and len(x) > 1 and onednn(batch(min(len(x), MOST)), *self.turned.shape):
            return by_onednn(x, self.turned, self.bias)
        return by_torch(x, self.turned, self.bias)

    def single(self) -> Callable[[Tensor, Tensor], object] | None:
        """The shorter way of a single row (`core.inference.SingleRow`)."""
        turned, bias = self.turned, self.bias
        if turned.numel() >= LEAST and turned.is_cpu and sums(*turned.shape):
            return lambda x, y: y.copy_(by_rows(x, turned, bias))
        if bias is None:
            return lambda x, y: torch.mm(x, turned, out=y)
        return lambda x, y: torch.addmm(bias, x, turned, out=y)


def by_torch(x: Tensor, turned: Tensor, bias: Tensor | None, /) -> Tensor:
    """Torch's product."""
    return torch.mm(x, turned) if bias is None else torch.addmm(bias, x, turned)


def by_onednn(x: Tensor, turned: Tensor, bias: Tensor | None, /) -> Tensor:
    """OneDNN's."""
    multiply = torch.ops.mkldnn._linear_pointwise.default
    return multiply(x, turned.t(), bias, "none", [], "")


def by_rows(x: Tensor, turned: Tensor, bias: Tensor | None, /) -> Tensor:
    """A single row as a sum of the weights' rows."""
    place, start = _places(len(turned))
    add = torch.ops.aten._embedding_bag_forward_only.default
    found = add(turned, place, start, False, 0, False, x.view(-1), False, -1)[0]
    return found if bias is None else found.add_(bias)


@cache
def _places(rows: int) -> tuple[Tensor, Tensor]:
    with torch.inference_mode(False):
        return torch.arange(rows), torch.zeros(1, dtype=torch.int64)


@cache
def sums(d: int, d2: int, /) -> bool:
    """Whether a sum of rows is right, and quicker than a product, for a weight of this shape."""
    if not exact(by_rows, (1,)):
        return False
    count = max(1, int(READ / 4 / d / d2))
    weights = cache(lambda: [torch.ones(d, d2) for _ in range(count)])  # made where it is measured

    def all_of(product: Callable[..., Tensor]) -> list[Tensor]:
        x = torch.ones(1, d)
        return [product(x, weight, None) for weight in weights()]

    return floats_are(
        f"float32 weights {d, d2} of one row, read in turn",
        lambda: all_of(by_torch),
        lambda: all_of(by_rows),
    )


@cache
def onednn(rows: int, d: int, d2: int, /) -> bool:
    """Whether oneDNN is right, and quicker than torch, for so many rows and this weight."""
    if not exact(by_onednn, (2, 33)):
        return False
    given = cache(lambda: (torch.ones(rows, d), torch.ones(d, d2), None))
    return floats_are(
        f"float32 product {d, d2} of {rows} rows",
        lambda: by_torch(*given()),
        lambda: by_onednn(*given()),
    )


@cache
def exact(
    product: Callable[[Tensor, Tensor, Tensor | None], Tensor], rows: tuple[int, ...]
) -> bool:
    """Whether a call gives the exact products on this processor."""

    def turned(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return product(x, weight.t().contiguous(), bias)

    with torch.inference_mode():
        return right(turned, rows=rows)
