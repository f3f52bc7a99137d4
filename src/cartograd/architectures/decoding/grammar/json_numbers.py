"""Numbers within bounds, as JSON writes them.

A number from 37 to 205 begins with certain digits; which may follow depends on those before. So
bounds become an expression of digits. Numbers have at most `DIGITS` digits, which a double keeps:
what is within the bounds as written is so when it is read.

>>> integers(8, 11).parts[0]
Sequence(parts=(Chars(ranges=((56, 57),)),))
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cartograd.architectures.decoding.grammar.expressions import (
    EMPTY,
    NEVER,
    Choice,
    Expression,
    chars,
    choice,
    literal,
    optional,
    repeated,
    sequence,
)
from cartograd.core.errors import UsageError

DIGITS = 15
"""Most digits of a number with bounds; without, before the point as well as after it."""

MOST = 10**DIGITS - 1

BOUNDS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
"""Keys of a schema about numbers."""

ZERO, DIGIT, NONZERO, MINUS = literal("0"), chars("09"), chars("19"), literal("-")
NATURAL = choice(ZERO, sequence(NONZERO, repeated(DIGIT, 0, DIGITS - 1)))
FRACTION = sequence(literal("."), repeated(DIGIT, 1, DIGITS))
EXPONENT = sequence(chars("e", "E"), optional(chars("+", "-")), repeated(DIGIT, 1, 2))

INTEGER = sequence(optional(MINUS), NATURAL)
NUMBER = sequence(optional(MINUS), NATURAL, optional(FRACTION), optional(EXPONENT))


@dataclass(frozen=True)
class Bound:
    """Digits after the point of what a number may reach; `open` if not itself."""

    digits: str = ""
    open: bool = False

    @property
    def first(self) -> int:
        """The first digit."""
        return int(self.digits[:1] or 0)

    @property
    def rest(self) -> "Bound":
        """The bound of the digits that follow."""
        return Bound(self.digits[1:], self.open)


def integers(low: int | None, high: int | None, /) -> Choice:
    """Integers from one to another, both counted in; as far as `DIGITS` go where there is none."""
    low, high = max(-MOST, -MOST if low is None else low), min(MOST, MOST if high is None else high)
    ways: list[Expression] = []
    if low < 0 and low <= high:
        ways.append(sequence(MINUS, _natural(max(1, -high), -low)))
    if high >= 0 and low <= high:
        ways += _natural(max(0, low), high).parts
    return Choice(tuple(ways))


def numbers(
    low: Decimal | None, high: Decimal | None, /, *, above: bool = False, below: bool = False
) -> Choice:
    """Numbers from one to another, without an exponent.

    Args:
        low: the lower bound; as far as `DIGITS` go where there is none.
        high: the upper bound.
        above: the lower bound is not counted in.
        below: the upper bound is not counted in.
    """
    least, most = Decimal(-MOST) if low is None else low, Decimal(MOST) if high is None else high
    ways: list[Expression] = []
    if least < 0 and least <= most:
        near, over = (-most, below) if most < 0 else (Decimal(0), True)
        ways.append(sequence(MINUS, _size(near, -least, over, above)))
    if most >= 0 and least <= most:
        near, over = (least, above) if least >= 0 else (Decimal(0), False)
        ways.append(_size(near, most, over, below))
    return Choice(tuple(ways))


def number_of(kind: str, asked: Mapping[str, Any], place: str, /) -> Expression:
    """A number or an integer as a schema asks for it.

    Raises:
        UsageError: a bound is no number.
    """
    said = {key: asked[key] for key in BOUNDS if key in asked}
    for key, own in said.items():
        if isinstance(own, bool) or not isinstance(own, int | float):
            raise UsageError(f"the schema at {place}: {key}={own!r:.40}; expected a number")
    if not said:
        return INTEGER if kind == "integer" else NUMBER
    exact = [(Decimal(repr(said[key])), key) if key in said else None for key in BOUNDS]
    lows = [(own, key == BOUNDS[1]) for own, key in filter(None, exact[:2])]
    highs = [(-own, key == BOUNDS[3]) for own, key in filter(None, exact[2:])]
    low, above = max(lows, default=(None, False))
    under, below = max(highs, default=(None, False))
    high = None if under is None else -under
    if kind == "number":
        return numbers(low, high, above=above, below=below)
    least = None if low is None else _whole_from(low, above)
    most = None if under is None else -_whole_from(under, below)
    return integers(least, most)


def _whole_from(low: Decimal, above: bool) -> int:
    """The least whole number that is not below."""
    near = int(low.to_integral_value(rounding="ROUND_CEILING"))
    return near + 1 if above and near == low else near


def _size(low: Decimal, high: Decimal, above: bool, below: bool) -> Choice:
    """Numbers without a sign between two."""
    first, last = int(low), int(high)
    lower, upper = Bound(_after(low), above), Bound(_after(high), below)
    if first == last:
        return _pointed(literal(str(first)), lower, upper, len(str(first)))
    ways = [
        _pointed(literal(str(first)), lower, None, len(str(first))),
        _pointed(literal(str(last)), Bound(), upper, len(str(last))),
    ]
    for size in range(len(str(first)), len(str(last)) + 1):
        least = max(first + 1, 10 ** (size - 1) if size > 1 else 0)
        most = min(last - 1, 10**size - 1)
        if least <= most:
            ways.append(_pointed(_natural(least, most), Bound(), None, size))
    return Choice(tuple(ways))


def _after(number: Decimal) -> str:
    """The digits after the point."""
    return f"{number % 1:f}".partition(".")[2].rstrip("0")


def _pointed(whole: Expression, low: Bound, high: Bound | None, size: int) -> Choice:
    """A whole number of some digits, and what may follow the point, if anything has to or may."""
    digits, alone = _tail(low, high, DIGITS - size)
    ways = [sequence(whole, literal("."), digits)]
    return choice(*ways, whole) if alone else choice(*ways)


def _tail(low: Bound, high: Bound | None, room: int) -> tuple[Expression, bool]:
    """Digits after the point between two bounds, and whether there may be none."""
    none = not low.digits and not low.open and (high is None or high != Bound(open=True))
    if room < 1:
        return NEVER, none
    if high is None and not low.digits:
        if not low.open:
            return repeated(DIGIT, 1, room), none
        ways = [sequence(*[ZERO] * n, NONZERO, repeated(DIGIT, 0, room - n - 1)) for n in
                range(room)]  # fmt: skip
        return choice(*ways), none
    if high is not None and not low.digits and not high.digits:
        return (NEVER if low.open or high.open else repeated(ZERO, 1, min(room, 2))), none
    first, last = low.first, 9 if high is None else high.first
    if first > last:
        return NEVER, none
    if first == last and high is not None:
        return _led(first, _tail(low.rest, high.rest, room - 1)), none
    found = [_led(first, _tail(low.rest, None, room - 1))]
    if high is not None:
        found.append(_led(last, _tail(Bound(), high.rest, room - 1)))
    within = range(first + 1, last if high is not None else 10)
    if within:
        any_of = chars(f"{within[0]}{within[-1]}")
        found.append(sequence(any_of, repeated(DIGIT, 0, room - 1)))
    return choice(*found), none


def _led(digit: int, after: tuple[Expression, bool]) -> Expression:
    """A digit, and what may follow it."""
    digits, none = after
    return sequence(literal(str(digit)), choice(digits, EMPTY) if none else digits)


def _natural(low: int, high: int) -> Choice:
    """Whole numbers from one to another, 0 <= low <= high."""
    ways: list[Expression] = []
    for size in range(len(str(low)), len(str(high)) + 1):
        first = max(low, 10 ** (size - 1) if size > 1 else 0)
        ways += _same(str(first), str(min(high, 10**size - 1)))
    return Choice(tuple(ways))


def _same(low: str, high: str) -> list[Expression]:
    """Texts of digits between two of the same length."""
    if not low:
        return [EMPTY]
    rest = len(low) - 1
    if low[1:] == "0" * rest and high[1:] == "9" * rest:
        return [sequence(chars(low[0] + high[0]), *[DIGIT] * rest)]
    if low[0] == high[0]:
        return [sequence(literal(low[0]), Choice(tuple(_same(low[1:], high[1:]))))]
    ways: list[Expression] = []
    first, last = int(low[0]), int(high[0])
    if low[1:] != "0" * rest:
        ways.append(sequence(literal(low[0]), Choice(tuple(_same(low[1:], "9" * rest)))))
        first += 1
    if high[1:] != "9" * rest:
        ways.append(sequence(literal(high[0]), Choice(tuple(_same("0" * rest, high[1:])))))
        last -= 1
    if first <= last:
        ways.append(sequence(chars(f"{first}{last}"), *[DIGIT] * rest))
    return ways
