"""Calls of the compiled products, and how weights lie in memory for them (see `few_rows`)."""

import ctypes
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int, Shaped, UInt8
from torch import Tensor

from cartograd.core.large_pages import in_large_pages
from cartograd.engine.device.c_library import c_library

SOURCE = Path(__file__).with_name("few_rows.c")

COLUMNS = 8
"""Of whole numbers there are a multiple of so many columns."""


class _Job(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in ("bits", "d", "d2", "group")),
        *((name, ctypes.c_void_p) for name in ("weight", "scale", "offset", "bias")),
        ("step", ctypes.c_float),
        *((name, ctypes.c_int32) for name in ("zero", "most")),
    )


class Steps(NamedTuple):
    """The grid of all inputs: numbers from 0.

    Attributes:
        step: between neighbours.
        zero: the number that stands for zero.
        most: the largest.
    """

    step: float
    zero: int
    most: int


class FewRows:
    """A product of a few rows. Its weights stay where they are and as they are.

    Args:
        bits: of a weight.
        weight: in `blocks`, of one column (floats), four (8 bits) or eight (4 bits in halves).
        shape: of the weight, `d2, d`.
        scale: of rows (8 bits) or groups (4 bits).
        offset: the sums of the rows' numbers (8 bits), or what is added to groups (4 bits).
        bias: added, or None.
        group: neighbours with one scale (4 bits).
        grid: of the inputs (8 bits); None rounds each row by its own range.
    """

    def __init__(
        self, bits: int, weight: Tensor, shape: tuple[int, int], /, *, scale: Tensor | None = None,
        offset: Tensor | None = None, bias: Tensor | None = None, group: int = 1,
        grid: Steps | None = None,
    ):  # fmt: skip
        more = None if bias is None else filled(bias.detach().float())
        given = (weight, scale, offset, more)
        parts = [None if part is None else in_large_pages(part).contiguous() for part in given]
        self.kept, (self.d2, self.d) = parts, shape
        self.job = _Job(bits, self.d, self.d2, group, *map(_place, parts), *(grid or (0.0, 0, 0)))
        self.at, self.call = ctypes.addressof(self.job), _call()

    def __call__(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n d2"]:
        """The product."""
        y = x.new_empty(len(x), self.d2)
        self.into(x, y)
        return y

    def into(self, x: Float[Tensor, "n d"], y: Float[Tensor, "n d2"], /) -> None:
        """The product, written into memory without gaps.

        Raises:
            MemoryError: there is none for the whole numbers of the inputs.
        """
        x = x.contiguous()
        threads = torch.get_num_threads()
        if self.call(self.at, x.data_ptr(), y.data_ptr(), len(x), threads):
            raise MemoryError(f"no memory for {x.numel()} whole numbers")


def _place(part: Tensor | None) -> int | None:
    return None if part is None else part.data_ptr()


@cache
def _call() -> Any:
    library = c_library(SOURCE).library
    assert library is not None
    call = library.product
    call.argtypes = [*[ctypes.c_void_p] * 3, ctypes.c_int64, ctypes.c_int]
    return call


def floats(weight: Float[Tensor, "d2 d"], bias: Tensor | None, /) -> FewRows:
    """A product with float32 weights."""
    return FewRows(32, blocks(weight, 1), _shape(weight), bias=bias)


def eight(
    numbers: Int[Tensor, "d2 d"], scale: Float[Tensor, " d2"], bias: Tensor | None, /,
    grid: Steps | None = None,
) -> FewRows:  # fmt: skip
    """A product with weights of eight bits, a scale for each row; on a grid of inputs, or each."""
    sums = numbers.sum(1, dtype=torch.int32)
    return FewRows(
        8, blocks(numbers, 4), _shape(numbers), scale=filled(scale.float()), offset=filled(sums),
        bias=bias, grid=grid,
    )  # fmt: skip


def four(
    numbers: UInt8[Tensor, "d2 d"], scale: Float[Tensor, "d2 n"], offset: Float[Tensor, "d2 n"],
    bias: Tensor | None, /,
) -> FewRows:  # fmt: skip
    """A product with weights of four bits, from 0 to 15, in groups of eight columns or more."""
    laid = blocks(numbers, COLUMNS)
    given = [blocks(part.bfloat16(), 1) for part in (scale, offset)]
    return FewRows(
        4, laid[..., :4] | laid[..., 4:] << 4, _shape(numbers), scale=given[0], offset=given[1],
        bias=bias, group=numbers.shape[1] // scale.shape[1],
    )  # fmt: skip


def blocks(weight: Shaped[Tensor, "d2 d"], columns: int, /) -> Shaped[Tensor, "n1 n2 n3 n4"]:
    """A weight in blocks of `lanes` rows, so many columns at a time; what is missing is 0."""
    whole = filled(weight).unflatten(0, (-1, lanes())).unflatten(2, (-1, columns))
    return whole.transpose(1, 2)  # copied where it is kept


def filled(rows: Shaped[Tensor, "d2 ..."], /) -> Shaped[Tensor, "n ..."]:
    """Rows, and as many of zeros as fill the last block up."""
    missing = -len(rows) % lanes()
    return torch.cat([rows, rows.new_zeros(missing, *rows.shape[1:])]) if missing else rows


def lanes() -> int:
    """Rows of such a block."""
    library = c_library(SOURCE).library
    assert library is not None
    return library.lanes()


def rows(laid: Float[Tensor, "n1 n2 n3 1"], count: int, /) -> Float[Tensor, "d2 d"]:
    """A weight that lies in blocks of one column, row by row again."""
    return laid[..., 0].transpose(1, 2).flatten(0, 1)[:count]


def _shape(weight: Tensor) -> tuple[int, int]:
    return weight.shape[0], weight.shape[1]
