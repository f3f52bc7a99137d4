r"""A linear layer with weights of four or eight bits, each group of neighbours with a scale.

    W_ij ~ s_ig (q_ij - m) + o_ig,   m = 2^(b-1),  g = the group of column j

Numbers of four bits lie two in a byte; scales and offsets are in bfloat16, which costs 32 bits a
group. Where a compiled product is there and quicker (`few_rows`), it multiplies them by inputs in
eight bits. Else a few rows of inputs, as in decoding, go to torch's product with packed weights, in
bfloat16, where it is proved right on this machine and the layer's shape is one of its own; else,
and for many rows, the weights are made floats for the product.

Shapes: weights `d2 d`, in groups `d2 n1 n2`; inputs `... d`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from cartograd.core.kernels import ROWS, SHAPES, Choice, close
from cartograd.practice.compression import few_rows
from cartograd.practice.compression.biases import stacked_bias
from cartograd.practice.compression.few_rows import FewRows
from cartograd.practice.compression.grid import Grid, extents, grid_of, in_groups
from cartograd.practice.compression.one_row import one_row
from cartograd.practice.compression.own_type import keeping, type_after

FEW = 256
"""Rows up to which torch's product with packed weights is taken; sooner done than floats of them"""

OWN = (32, 64, 128, 256)
"""Sizes of groups that this product takes; and rows of a weight in multiples of 16."""


def size_of(columns: int, group: int, /) -> int:
    """The size of a row's groups: as asked for, or the largest that divides the row.

    Powers of two come first, for torch's product takes no others.

    >>> size_of(1536, 128), size_of(576, 128), size_of(36, 128)
    (128, 64, 36)
    """
    common = math.gcd(columns, group)
    if common >= min(OWN):
        return common
    return max(size for size in range(1, min(columns, group) + 1) if columns % size == 0)


def fitted(groups: Float[Tensor, "d2 n1 n2"], bits: int, /) -> Grid:
    """The grid from the least to the largest number of each group, as a layer keeps it."""
    return kept(grid_of(*extents(groups, each=(0, 1)), bits=bits, symmetric=False))


def kept(grid: Grid, /) -> Grid:
    """A grid whose scales and offsets are numbers of bfloat16."""
    scale = grid.scale.bfloat16().float()
    return replace(grid, scale=scale, zero=_middle(grid) - _offset(grid, scale) / scale)


def _middle(grid: Grid) -> int:
    return (grid.high + 1) // 2


def _offset(grid: Grid, scale: Tensor) -> Tensor:
    return ((_middle(grid) - grid.zero) * scale).bfloat16().float()


class GroupLinear(nn.Module):
    """A linear layer with weights in groups.

    Args:
        numbers: whole numbers from 0.
        grid: what they stand for; its scales and offsets are in bfloat16.
        bias: added, in floats, or None.
        divisor: of the inputs (the weights are the products with it), or None.
    """

    simulates = False
    dtype = torch.float32
    numbers: Tensor
    scale: Tensor
    offset: Tensor
    divisor: Tensor
    bias: Tensor | None

    def __init__(
        self,
        numbers: UInt8[Tensor, "d2 n1 n2"],
        grid: Grid,
        /,
        *,
        bias: Float[Tensor, " d2"] | None = None,
        divisor: Float[Tensor, " d"] | None = None,
    ):
        super().__init__()
        self.out_features, self.in_features = len(numbers), numbers[0].numel()
        self.bits, self.group = (grid.high + 1).bit_length() - 1, numbers.shape[2]
        self.register_buffer("numbers", _packed(numbers.flatten(1), self.bits))
        self.register_buffer("scale", grid.scale[:, :, 0].bfloat16())
        self.register_buffer("offset", _offset(grid, grid.scale)[:, :, 0].bfloat16())
        ones = torch.ones(self.in_features, device=numbers.device)
        self.register_buffer("divisor", ones if divisor is None else divisor.float())
        self.register_buffer("bias", None if bias is None else bias.float())
        self._pack()
        self.register_load_state_dict_post_hook(lambda layer, _: layer._pack())

    def _pack(self) -> None:
        divided = bool((self.divisor != 1).any())
        self.taken = 1 / self.divisor if divided else None
        own = self.bits == 4 and self.group in OWN and self.out_features % 16 == 0
        self.packed, self.few = None, None
        if self.bits == 4 and self.numbers.device.type == "cpu":
            own = own and exact()
            self.few = self._compiled(own)
            if own and self.few is None:
                self.packed = _for_torch(self._whole(), self.scale, self.offset)
        self.one: Callable[[Tensor], Tensor] | None = None
        if self.few is not None and not divided:
            self.one = self.few
        elif self.packed is not None and self.bias is None and not divided:
            own = self.packed, self.group
            self.one = lambda x: _multiplied(x, *own)

    def _compiled(self, own: bool) -> FewRows | None:
        """A compiled product, if it is quicker than torch's, or than floats where that is none."""
        few = few_rows.of_four(self._whole(), self.scale, self.offset, self.bias)
        if few is None:
            return None
        torchs = cache(lambda: _for_torch(self._whole(), self.scale, self.offset))
        floats = cache(self.floats)  # both are made where they are measured

        def usual(x: Tensor) -> Tensor:
            return _multiplied(x, torchs(), self.group) if own else F.linear(x, floats())

        name = f"int4 in groups of {self.group}{'' if own else ', floats'}"
        return few if few_rows.quicker(name, usual, few) else None

    def forward(self, x: Float[Tensor, "... d"]) -> Float[Tensor, "... d2"]:
        """The product, in float32, or in the type that the model was given."""
        if self.one is not None and not self.simulates and self.dtype is torch.float32:
            if self.few is None and one_row(x):
                return self.one(x)
            if self.few is not None and few_rows.readable(x, self.in_features):
                return self.few(x)
        rows = x.reshape(-1, self.in_features)
        rows = rows if self.taken is None else rows * self.taken
        # A program that is written for other machines has no kernel of this one.
        packed = None if self.simulates or torch.compiler.is_exporting() else self.packed
        if self.few is not None and not self.simulates and few_rows.readable(rows, rows.shape[1]):
            y = self.few(rows)
        elif packed is None or len(rows) > FEW:
            y = F.linear(rows.float(), self.floats(), self.bias)
        else:
            y = _multiplied(rows, packed, self.group)
            y = y if self.bias is None else y + self.bias
        return y.view(*x.shape[:-1], self.out_features).to(self.dtype)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "GroupLinear":
        """Answers are of the type that is asked for; what is kept stays as it is."""
        self.dtype = type_after(fn, self.dtype)
        super()._apply(keeping(fn), recurse)
        return self

    def single(self) -> Callable[[Tensor, Tensor], object] | None:
        """The shorter way of a single row (`core.inference.SingleRow`)."""
        if self.one is None or self.simulates:
            return None
        if self.few is not None:
            return self.several()
        if self.packed is None:
            return None
        multiply, (numbers, table) = torch.ops.aten._weight_int4pack_mm_for_cpu.default, self.packed
        row, size = torch.empty(1, self.in_features, dtype=torch.bfloat16), self.group
        return lambda x, y: y.copy_(multiply(row.copy_(x), numbers, size, table))

    def several(self) -> Callable[[Tensor, Tensor], object] | None:
        """The same of any number of rows (`core.inference.SeveralRows`)."""
        return None if self.few is None or self.one is not self.few else self.few.into

    def stacked(
        self, others: Sequence[nn.Module], order: Int[Tensor, " n"] | None, /
    ) -> "GroupLinear | None":
        """One layer for this and others of the same inputs (`core.protocols.Stackable`)."""
        layers = [self, *(layer for layer in others if isinstance(layer, GroupLinear))]
        kinds = {(layer.bits, layer.group) for layer in layers}
        divided = all(torch.equal(layer.divisor, self.divisor) for layer in layers)
        if len(layers) <= len(others) or len(kinds) > 1 or not divided:
            return None
        rows = [in_groups(layer._whole(), self.group) for layer in layers]
        parts = [torch.cat(rows), *(
            torch.cat([getattr(layer, name).float()[:, :, None] for layer in layers])
            for name in ("scale", "offset")
        )]  # fmt: skip
        bias = stacked_bias(layers)
        if order is not None:
            parts, bias = [part[order] for part in parts], None if bias is None else bias[order]
        numbers, scale, offset = parts
        zero, high = 2 ** (self.bits - 1) - offset / scale, 2**self.bits - 1
        return GroupLinear(numbers, Grid(scale, zero, 0, high), bias=bias, divisor=self.divisor)

    @property
    def weight(self) -> Float[Tensor, "d2 d"]:
        """What the inputs are multiplied by, for what does so itself."""
        return self.floats() if self.taken is None else self.floats() * self.taken

    def floats(self) -> Float[Tensor, "d2 d"]:
        """The rounded weights in floats; they are of inputs that have been divided."""
        groups = in_groups(self._whole().float() - 2 ** (self.bits - 1), self.group)
        scale, offset = (part.float()[:, :, None] for part in (self.scale, self.offset))
        return groups.mul_(scale).add_(offset).flatten(1)

    def rounding(self) -> float:
        """The coarsest step to which a machine may round a row, as a share of its range.

        Few rows may be brought to bfloat16, whose numbers have eight bits, or all rows to whole
        numbers up to 127.
        """
        return 1 / 127 if self.bits == 4 else 0.0

    def _whole(self) -> Tensor:
        """The whole numbers, one in a byte."""
        if self.bits == 8:
            return self.numbers
        # Not `>> 4`: exported, the shift's type is one that ONNX does not know.
        both = torch.stack([self.numbers & 15, self.numbers // 16], 2).flatten(1)
        return both[:, : self.in_features]

    def __deepcopy__(self, memo: dict[int, Any]) -> "GroupLinear":
        return self  # nothing changes it once its weights are loaded


@cache
def exact() -> bool:
    """Whether torch's product with packed weights is exact on this machine, but for rounding.

    Whole numbers and powers of two are what they are in bfloat16, so that the result is known.
    """
    draw = torch.Generator().manual_seed(0)
    try:
        return all(_exact(d, d2, draw) for d, d2 in SHAPES if d % min(OWN) == 0)
    except (RuntimeError, AttributeError, NotImplementedError):  # this torch has no such kernel
        return False


def _exact(d: int, d2: int, draw: torch.Generator) -> bool:
    size, step = size_of(d, 128), torch.finfo(torch.bfloat16).eps
    numbers = torch.randint(16, (d2, d), generator=draw).to(torch.uint8)
    scale = 0.5 ** torch.randint(4, (d2, d // size), generator=draw).float()
    offset = scale * torch.randint(-8, 9, scale.shape, generator=draw)
    packed = _for_torch(numbers, scale.bfloat16(), offset.bfloat16())
    weight = in_groups(numbers.float() - 8, size) * scale[:, :, None] + offset[:, :, None]
    for n in (*ROWS, 16):
        x = torch.randint(-127, 128, (n, d), generator=draw).float()
        found = _multiplied(x, packed, size)
        if not close(found, x, weight.flatten(1), None, rounding=step):
            return False
    return True


def choice() -> Choice:
    """What multiplies by weights in four bits on this machine."""
    floats = "floats of the rounded weights"
    if few_rows.exact(4):
        return Choice("int4 weights", "C, eight-bit inputs, where it is quicker", floats, "exact")
    if exact():
        return Choice(
            "int4 weights", "packed weights, bfloat16 inputs", floats, "exact but for its rounding"
        )
    return Choice(
        "int4 weights", floats, floats, "torch's packed products are wrong or missing here"
    )


def _packed(numbers: Tensor, bits: int) -> Tensor:
    """Two numbers of four bits in a byte, the first in its low half."""
    if bits == 8:
        return numbers
    even = F.pad(numbers, (0, numbers.shape[1] % 2))
    return even[:, ::2] | even[:, 1::2] << 4


def _for_torch(numbers: Tensor, scale: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
    """The weights, their scales and offsets as torch's kernel wants them."""
    pack = torch.ops.aten._convert_weight_to_int4pack_for_cpu
    both = torch.stack([scale.t(), offset.t()], 2).contiguous()
    return pack(numbers.int(), 1), both


def _multiplied(rows: Tensor, packed: tuple[Tensor, Tensor], group: int) -> Tensor:
    multiply = torch.ops.aten._weight_int4pack_mm_for_cpu
    return multiply(rows.bfloat16(), packed[0], group, packed[1]).float()
