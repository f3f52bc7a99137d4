"""Values and slopes of curves on pieces of intervals, operation by operation.

Each operation makes of the values and slopes on a piece those of its result: sums and products by
their rules, functions by the chain rule. A curve that jumps within a piece says by how much.

    f(g):  values f([g]),  slopes [f'([g])] [g'],  and roundings  |f'| wrong + 16 u |f|

Shapes: pieces stand in front, `n b ...`.

References:
    Luc Jaulin, Michel Kieffer, Olivier Didrit, Eric Walter. Applied interval analysis. Springer
    2001. https://doi.org/10.1007/978-1-4471-0249-6
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.frontier.verification.call import HOLE, Call, NoRuleError

ULPS = 16.0
"""Units of rounding that libraries stay within for such operations, with room."""


class Piece(NamedTuple):
    """What an operation gives on pieces of intervals.

    Attributes:
        low, high: ends of its values.
        down, up: ends of its slopes.
        jump: how far it may jump within a piece.
        wrong: units of rounding that its values may be off by.
    """

    low: Float[Tensor, "n b ..."]
    high: Float[Tensor, "n b ..."]
    down: Float[Tensor, "n b ..."]
    up: Float[Tensor, "n b ..."]
    jump: Float[Tensor, "n b ..."]
    wrong: Float[Tensor, "n b ..."]


def begun(low: Tensor, high: Tensor, /) -> Piece:
    """Numbers themselves, on pieces."""
    one, none = torch.ones_like(low), torch.zeros_like(low)
    return Piece(low, high, one, one, none, none)


def constant(value: Any, like: Tensor, /) -> Piece:
    """A number that does not depend on anything."""
    here = torch.as_tensor(value, dtype=like.dtype, device=like.device).expand_as(like)
    none = torch.zeros_like(like)
    return Piece(here, here, none, none, none, none)


def either(sure: Tensor, never: Tensor, one: Piece, other: Piece, /) -> Piece:
    """One where it is sure, the other where it never is, and between them both."""

    def of(place: int, both: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        mixed = both(one[place], other[place])
        return torch.where(sure, one[place], torch.where(never, other[place], mixed))

    ends = (torch.minimum, torch.maximum, torch.minimum, torch.maximum)
    return Piece(*(of(place, both) for place, both in enumerate((*ends, torch.add, torch.maximum))))


def _rounded(piece: Piece) -> Piece:
    """With the rounding of one operation more."""
    return piece._replace(wrong=piece.wrong + ULPS * _size(piece))


def _size(piece: Piece) -> Tensor:
    return torch.maximum(piece.low.abs(), piece.high.abs())


def _corners(one: tuple[Tensor, ...], two: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Ends of products."""
    products = torch.stack([a * b for a in one for b in two])
    return products.amin(0), products.amax(0)


def _operands(call: Call, inputs: tuple[Piece, ...]) -> tuple[Piece, Piece]:
    """Both sides of an operation, of which one may be a constant."""
    left = iter(inputs)
    one, two = (
        next(left) if side is HOLE else constant(side, inputs[0].low) for side in call.args[:2]
    )
    return one, two


def _sum(sign: int) -> Callable[..., Piece]:
    def over(call: Call, *inputs: Piece) -> Piece:
        one, two = _operands(call, inputs)
        two = _scaled(two, sign * call.kwargs.get("alpha", 1))
        return _rounded(Piece(*(a + b for a, b in zip(one, two, strict=True))))

    return over


def _times(one: Piece, two: Piece) -> Piece:
    """The product rule."""
    left, right = _corners(one[2:4], two[:2]), _corners(two[2:4], one[:2])
    sizes = _size(one), _size(two)
    return Piece(
        *_corners(one[:2], two[:2]), left[0] + right[0], left[1] + right[1],
        one.jump * sizes[1] + two.jump * sizes[0], one.wrong * sizes[1] + two.wrong * sizes[0],
    )  # fmt: skip


def _scaled(x: Piece, factor: Any) -> Piece:
    return _times(x, constant(factor, x.low))


def _product(call: Call, *inputs: Piece) -> Piece:
    return _rounded(_times(*_operands(call, inputs)))


def _quotient(call: Call, *inputs: Piece) -> Piece:
    one, two = _operands(call, inputs)
    if len(inputs) > 1 or call.args[0] is not HOLE:
        raise NoRuleError
    return _rounded(_scaled(one, 1 / two.low))


def _negated(_: Call, x: Piece) -> Piece:
    return _scaled(x, -1.0)


def _power(call: Call, x: Piece) -> Piece:
    if call.args[1] not in (2, 3):
        raise NoRuleError
    square = _rounded(_times(x, x))
    return square if call.args[1] == 2 else _rounded(_times(square, x))


def _along(x: Piece, low: Tensor, high: Tensor, down: Tensor, up: Tensor) -> Piece:
    """The chain rule: ends of a function of what comes in, and of its slopes there."""
    steep = torch.maximum(down.abs(), up.abs())
    return Piece(low, high, *_corners((x.down, x.up), (down, up)), steep * x.jump, steep * x.wrong)


def _rising(
    function: Callable[[Tensor], Tensor],
    slope: Callable[[Tensor], Tensor],
    /,
    *,
    peak: bool = False,
) -> Callable[..., Piece]:
    """A function that rises, and whose slope is largest at an end; or, with a peak, at zero."""

    def over(_: Call, x: Piece) -> Piece:
        ends = slope(x.low), slope(x.high)
        most = torch.maximum(*ends)
        if peak:
            crossing = (x.low < 0) & (x.high > 0)
            most = torch.where(crossing, slope(torch.zeros_like(most)), most)
        found = _along(x, function(x.low), function(x.high), torch.minimum(*ends), most)
        return _rounded(found)

    return over


def _held(x: Piece, low: Any, high: Any) -> Piece:
    """Numbers within limits: where one is crossed any slope from 0 to 1."""
    low, high = (
        constant(none if end is None else end, x.low).low
        for end, none in ((low, -math.inf), (high, math.inf))
    )
    down = ((x.low >= low) & (x.high <= high)).to(x.low)
    up = ((x.high > low) & (x.low < high)).to(x.low)
    least, most = (torch.minimum(torch.maximum(end, low), high) for end in (x.low, x.high))
    return _along(x, least, most, torch.minimum(down, up), up)


def _clamped(call: Call, x: Piece) -> Piece:
    limits = [*call.args[1:], None, None]
    return _held(x, *(call.kwargs.get(name, limits[at]) for at, name in enumerate(("min", "max"))))


def _hardtanh(call: Call, x: Piece) -> Piece:
    return _held(x, *[*call.args[1:], *(-1.0, 1.0)[len(call.args) - 1 :]])


def _relu(_: Call, x: Piece) -> Piece:
    return _held(x, 0.0, None)


def _elu(call: Call, x: Piece) -> Piece:
    """Scale (x above zero, alpha (e^(rate x) - 1) below)."""
    alpha, scale, rate = [*call.args[1:], *(1.0, 1.0, 1.0)[len(call.args) - 1 :]]
    if min(alpha, scale, rate) < 0:
        raise NoRuleError
    steep = [alpha * rate * (rate * end.clamp(max=0)).exp() for end in x[:2]]
    above, one = x.low >= 0, torch.ones_like(x.low)
    down = torch.where(x.high <= 0, steep[0], torch.minimum(steep[0], one))
    up = torch.where(x.high <= 0, steep[1], torch.maximum(steep[1], one))
    low, high = (call(end) for end in x[:2])
    found = _along(x, low, high, *(scale * torch.where(above, one, end) for end in (down, up)))
    return _rounded(found)


def _softplus(call: Call, x: Piece) -> Piece:
    """log(1 + e^(rate x)) / rate; above a threshold x itself, which is a little less."""
    rate, threshold = [*call.args[1:], *(1.0, 20.0)[len(call.args) - 1 :]]
    above = rate * x.high >= threshold
    near = above & (rate * x.low <= threshold)
    steep = [torch.sigmoid(rate * end) for end in x[:2]]
    found = _along(x, call(x.low), call(x.high), steep[0], torch.where(above, 1.0, steep[1]))
    jump = torch.where(near, math.log1p(math.exp(-threshold)) / rate, 0.0)
    return _rounded(found._replace(jump=found.jump + jump))


def _mish(call: Call, x: Piece) -> Piece:
    inner = _softplus(
        Call(torch.ops.aten.softplus.default, (HOLE,), {}, call.shapes, call.shape), x
    )
    return _rounded(_times(x, _TANH(call, inner)))


_TANH = _rising(torch.tanh, lambda z: 1 - torch.tanh(z).square(), peak=True)
OPERATIONS: dict[str, Callable[..., Piece]] = {
    **dict.fromkeys(("add.Tensor", "add.Scalar"), _sum(1)),
    **dict.fromkeys(("sub.Tensor", "sub.Scalar"), _sum(-1)),
    **dict.fromkeys(("mul.Tensor", "mul.Scalar"), _product),
    **dict.fromkeys(("div.Tensor", "div.Scalar"), _quotient),
    "neg.default": _negated,
    "pow.Tensor_Scalar": _power,
    "exp.default": _rising(torch.exp, torch.exp),
    "expm1.default": _rising(torch.expm1, torch.exp),
    "log1p.default": _rising(torch.log1p, lambda z: 1 / (1 + z)),
    "erf.default": _rising(
        torch.erf, lambda z: 2 / math.sqrt(math.pi) * (-z.square()).exp(), peak=True
    ),
    "tanh.default": _TANH,
    "sigmoid.default": _rising(
        torch.sigmoid, lambda z: torch.sigmoid(z) * torch.sigmoid(-z), peak=True
    ),
    "clamp.default": _clamped,
    "clamp_min.default": _clamped,
    "hardtanh.default": _hardtanh,
    "relu.default": _relu,
    "elu.default": _elu,
    "softplus.default": _softplus,
    "mish.default": _mish,
}
"""What operations make of pieces, by their names in ATen."""
