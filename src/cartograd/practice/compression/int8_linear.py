r"""A linear layer with weights of eight bits, a scale for each row.

    W_ij ~ s_i q_ij,   x_j ~ r (p_j - z),   W x ~ r (s q p - z s sum_j q_j)

What is kept are the whole numbers; what computes is the machine's affair: a compiled product, where
there is one and it is the quickest (`few_rows`), else torch's integer kernels, with inputs of eight
bits or seven, where these are exact here (`input_bits`), else, or where nothing is faster
(`quicker`), floats of the same weights.

Shapes: weights `d2 d`; inputs `... d`.
"""

import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.kernels import ROWS, SHAPES, Choice
from cartograd.practice.compression import few_rows
from cartograd.practice.compression.biases import stacked_bias
from cartograd.practice.compression.few_rows import FewRows
from cartograd.practice.compression.one_row import one_row
from cartograd.practice.compression.own_type import keeping, type_after
from cartograd.practice.compression.quicker import WEIGHTS, floats_are

PART = 4096
"""Rows that are rounded at once, as floats of them are made on the way."""


def rounded(weight: Float[Tensor, "d2 d"], /) -> tuple[Int[Tensor, "d2 d"], Float[Tensor, " d2"]]:
    """Integers from -127 to 127, and the scale of each row."""
    parts = [_rounded(part) for part in weight.split(PART)]
    return torch.cat([part for part, _ in parts]), torch.cat([scale for _, scale in parts])


def _rounded(weight: Tensor) -> tuple[Tensor, Tensor]:
    scale = weight.abs().amax(1) / 127
    scale = scale.where(scale > 0, 1.0)
    return (weight / scale[:, None]).round().to(torch.int8), scale


class Int8Linear(nn.Module):
    """A linear layer with weights in eight bits.

    Args:
        weight: in floats.
        bias: added, in floats, or None.
    """

    simulates = False
    dtype = torch.float32
    numbers: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, weight: Float[Tensor, "d2 d"], bias: Float[Tensor, " d2"] | None = None, /):
        super().__init__()
        self.out_features, self.in_features = weight.shape
        numbers, scale = rounded(weight.float())
        self.register_buffer("numbers", numbers)
        self.register_buffer("scale", scale)
        self.register_buffer("bias", None if bias is None else bias.float())
        self._pack()
        self.register_load_state_dict_post_hook(lambda layer, _: layer._pack())

    def _pack(self) -> None:
        self.bits, self.packed, self.whole, self.form = input_bits(), None, None, ""
        self.sums = _sums(self.numbers, self.scale)
        self.one: Callable[[Tensor], Tensor] | None = None
        self.few = self._compiled() if self.numbers.device.type == "cpu" else None
        if self.few is not None:
            self.one = self.few
        elif self.bits:
            self.packed = _packed(self.numbers, self.scale)
            own = self.packed, self.sums, self.bias, self.bits
            self.one = lambda x: _multiplied(x, *own)
        if self.one is not None:
            self.whole = self._whole(self.one)
            self.form = "integers" if self.whole is None else "floats"
        if self.whole is not None:
            self.one = None

    def _compiled(self) -> FewRows | None:
        """A compiled product, if it is quicker than torch's."""
        few = few_rows.of_eight(self.numbers, self.scale, self.bias)
        if few is None or not self.bits:
            return few
        packed = cache(lambda: _packed(self.numbers, self.scale))  # made where it is measured
        rest = self.sums, self.bias, self.bits
        taken = few_rows.quicker("int8", lambda x: _multiplied(x, packed(), *rest), few)
        return few if taken else None

    def _whole(self, integers: Callable[[Tensor], Tensor]) -> Tensor | None:
        """The weights in floats, if these are the quicker of one row and of many."""
        if self.numbers.device.type != "cpu" or self.numbers.numel() > WEIGHTS:
            return None
        whole, how = self.floats(), "" if self.few is None else ", compiled"
        for count in COUNTS:
            x = torch.linspace(-1, 1, self.in_features).repeat(count, 1)
            if not floats_are(
                f"int8 weights {tuple(self.numbers.shape)} of {count} rows{how}",
                lambda x=x: integers(x),
                lambda x=x: F.linear(x, whole, self.bias),
            ):
                return None
        return whole

    def forward(self, x: Float[Tensor, "... d"]) -> Float[Tensor, "... d2"]:
        """The product, in float32, or in the type that the model was given."""
        if self.one is not None and not self.simulates and self.dtype is torch.float32:
            if self.few is None and one_row(x):
                return self.one(x)
            if self.few is not None and few_rows.readable(x, self.in_features):
                return self.few(x)
        rows = x.reshape(-1, self.in_features)
        sloped = rows.requires_grad and torch.is_grad_enabled()
        # A program that is written for other machines has no kernel of this one.
        plain = not self.form or self.simulates or torch.compiler.is_exporting()
        if plain or sloped or rows.device.type != "cpu" or not len(rows):
            y = F.linear(rows.float(), self.floats(), self.bias)
        elif self.whole is not None:
            return F.linear(x.float(), self.whole, self.bias).to(self.dtype)
        elif self.few is not None:
            own = few_rows.readable(rows, self.in_features)
            y = self.few(rows) if own else F.linear(rows.float(), self.floats(), self.bias)
        else:
            y = _multiplied(rows.float(), self.packed, self.sums, self.bias, self.bits)
        return y.view(*x.shape[:-1], self.out_features).to(self.dtype)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Int8Linear":
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
        kernel, packed = torch.ops.quantized.linear_dynamic.default, self.packed
        seven, bias = self.bits == 7, self.bias
        if bias is None:
            return lambda x, y: y.copy_(kernel(x, packed, seven))
        return lambda x, y: torch.add(kernel(x, packed, seven), bias, out=y)

    def several(self) -> Callable[[Tensor, Tensor], object] | None:
        """The same of any number of rows (`core.inference.SeveralRows`)."""
        return None if self.few is None or self.one is not self.few else self.few.into

    def stacked(
        self, others: Sequence[nn.Module], order: Int[Tensor, " n"] | None, /
    ) -> "Int8Linear | None":
        """One layer for this and others of the same inputs (`core.protocols.Stackable`)."""
        layers = [self, *(layer for layer in others if isinstance(layer, Int8Linear))]
        if len(layers) <= len(others):
            return None
        weight, bias = torch.cat([layer.floats() for layer in layers]), stacked_bias(layers)
        if order is not None:
            weight, bias = weight[order], None if bias is None else bias[order]
        return Int8Linear(weight, bias)  # numbers that are on the grid stay

    @property
    def weight(self) -> Float[Tensor, "d2 d"]:
        """The same as `floats`, for what multiplies by a layer's weight itself."""
        return self.floats()

    def rounding(self) -> float:
        """The coarsest step to which a machine may round a row, as a share of its range.

        Rows are rounded to eight bits, to seven, or not at all.
        """
        return 1 / (2 ** min(BITS) - 1)

    def floats(self) -> Float[Tensor, "d2 d"]:
        """The rounded weights in floats."""
        return self.numbers.float().mul_(self.scale[:, None])

    def __deepcopy__(self, memo: dict[int, Any]) -> "Int8Linear":
        return self  # nothing changes it once its weights are loaded


BITS = 8, 7
"""Bits of the inputs that are tried, the best first."""
TINY = 1e-30
"""Least step, of a row of zeros."""
COUNTS = 1, 16
"""Rows of which products are timed. Floats are taken if they are quicker for both: a layer computes
all rows alike, so that none depends on how many there are."""


@cache
def input_bits() -> int:
    """To how many bits inputs are rounded for torch's integer kernels; 0 if these are wrong here.

    The kernels multiply unsigned 8-bit inputs by signed 8-bit weights. Without VNNI they add pairs
    of products in 16 bits: 2 * 255 * 127 is too much for them, 2 * 127 * 127 is not.
    """
    return next((bits for bits in BITS if exact(bits)), 0)


def exact(bits: int, /) -> bool:
    """Whether integer products are exact on this processor with inputs of so many bits.

    Whole numbers over the full range stay what they are when they are rounded, so that the result
    is known to the unit.
    """
    draw = torch.Generator().manual_seed(0)
    try:
        return all(_exact(d, d2, bits, draw) for d, d2 in SHAPES)
    except (RuntimeError, AttributeError, NotImplementedError):
        return False


def _exact(d: int, d2: int, bits: int, draw: torch.Generator) -> bool:
    numbers = torch.randint(-127, 128, (d2, d), generator=draw, dtype=torch.int8)
    scale = 0.5 ** torch.randint(4, (d2,), generator=draw).float()
    bias = torch.randint(-9999, 10000, (d2,), generator=draw).float()
    packed, sums = _packed(numbers, scale), _sums(numbers, scale)
    weight = numbers.double() * scale.double()[:, None]
    for n in ROWS:
        x = torch.randint(2**bits, (n, d), generator=draw).float()
        x[:, 0], x[:, 1] = 0, 2**bits - 1
        x[n // 2] -= 2 ** (bits - 1)  # a row of both signs
        expected = x.double() @ weight.t() + bias.double()
        off = (_multiplied(x, packed, sums, bias, bits).double() - expected).abs()
        if not bool((off <= 1e-6 * expected.abs().amax()).all()):
            return False
    return True


def choice() -> Choice:
    """What multiplies by weights in eight bits on this machine."""
    floats = "floats of the rounded weights"
    names = {bits: f"integers, {bits}-bit inputs" for bits in BITS}
    bits = input_bits()
    reason = {
        8: "exact over the full range",
        7: "with 8-bit inputs this processor cuts off sums; with 7 bits they are exact",
        0: "torch's integer products are wrong or missing here",
    }
    return Choice(
        "int8 weights", names.get(bits, floats), names[7] if bits == 8 else floats, reason[bits]
    )


def _multiplied(rows: Tensor, packed: Any, sums: Tensor, bias: Tensor | None, bits: int) -> Tensor:
    """Integer products of rows, each rounded by its own range.

    Args:
        rows: of inputs.
        packed: the weights.
        sums: of each of their rows.
        bias: added to each product, or None.
        bits: of the rounded inputs.
    """
    kernel, most = torch.ops.quantized.linear_dynamic, 2**bits - 1
    if len(rows) == 1:
        found = kernel(rows, packed, bits == 7)
        return found if bias is None else found.add_(bias)
    # Not `aminmax`, which takes ten times as long along a row.
    low, high = rows.amin(1, keepdim=True).clamp_(max=0), rows.amax(1, keepdim=True).clamp_(min=0)
    step = (high - low).div_(most).clamp_(min=TINY)
    zero = (low / step).round_().neg_()
    # The last row has both ends of the range, so that to the kernel a step is 1 and zero is 0.
    numbers = rows.new_empty(len(rows) + 1, rows.shape[1])
    torch.addcdiv(zero, rows, step, out=numbers[:-1]).clamp_(0, most)
    numbers[-1].fill_(most)[0] = 0
    found = kernel(numbers, packed, bits == 7)[:-1].addmm_(zero, sums[None], alpha=-1)
    return found.mul_(step) if bias is None else torch.addcmul(bias, found, step)


def _packed(numbers: Tensor, scale: Tensor) -> Any:
    """The weights as torch's kernel wants them.

    The tensor type that carries them on the way is announced to leave torch; there is no other way
    to these kernels yet, and `input_bits` will find out.
    """
    make = torch._make_per_channel_quantized_tensor  # pyright: ignore[reportPrivateImportUsage]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zeros = torch.zeros(len(numbers), dtype=torch.int64)
        weight = make(numbers, scale.double(), zeros, 0)
        return torch.ops.quantized.linear_prepack(weight, None)


def _sums(numbers: Tensor, scale: Tensor) -> Tensor:
    """The sums of the rows of a weight: what an input's zero would add to its product."""
    return numbers.long().sum(1) * scale
