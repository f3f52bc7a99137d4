"""What a text may be, as an expression: characters, one after another, alternatives, repetitions.

JSON schemas, grammars and patterns all become this, and `machine.py` makes an automaton of it.

>>> NUMBER = repeated(chars("09"), 1, 3)
>>> NUMBER.least, NUMBER.most
(1, 3)
>>> literal("a").parts[0].ranges
((97, 97),)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

LAST = 0x10FFFF
"""The last code point of Unicode."""

SURROGATES = (0xD800, 0xDFFF)
"""Code points that no text has."""


@dataclass(frozen=True)
class Chars:
    """One character of some ranges of code points, both ends counted in."""

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Sequence:
    """Expressions, one after another."""

    parts: "tuple[Expression, ...]"


@dataclass(frozen=True)
class Choice:
    """One of some expressions; without any, nothing is a text of it."""

    parts: "tuple[Expression, ...]"


@dataclass(frozen=True)
class Repeat:
    """An expression so many times; any number of times more than `least` if `most` is None."""

    part: "Expression"
    least: int
    most: int | None


@dataclass(frozen=True)
class Rule:
    """What the rule of this name says."""

    name: str


Expression: TypeAlias = Chars | Sequence | Choice | Repeat | Rule

EMPTY = Sequence(())
NEVER = Choice(())


def chars(*ranges: str, without: Iterable[tuple[int, int]] = ()) -> Chars:
    """Characters of ranges such as `"az"` (a to z) or `"_"`."""
    return minus(Chars(merged((ord(one[0]), ord(one[-1])) for one in ranges)), without)


def literal(text: str, /) -> Sequence:
    """Exactly this text."""
    return Sequence(tuple(Chars(((ord(char), ord(char)),)) for char in text))


def sequence(*parts: Expression) -> Sequence:
    """Expressions, one after another."""
    return Sequence(parts)


def choice(*parts: Expression) -> Choice:
    """One of some expressions."""
    return Choice(parts)


def repeated(part: Expression, least: int = 0, most: int | None = None, /) -> Repeat:
    """An expression some times."""
    return Repeat(part, least, most)


def optional(part: Expression, /) -> Repeat:
    """An expression, or nothing."""
    return Repeat(part, 0, 1)


def merged(ranges: Iterable[tuple[int, int]], /) -> tuple[tuple[int, int], ...]:
    """Ranges in order, none beside or over another.

    >>> merged([(5, 7), (1, 2), (3, 4), (6, 9)])
    ((1, 9),)
    """
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return tuple(found)


def inverted(ranges: Iterable[tuple[int, int]], /) -> tuple[tuple[int, int], ...]:
    """All characters but those of some ranges.

    >>> inverted([(0, 96), (98, LAST)])
    ((97, 97),)
    """
    found, place = [], 0
    for low, high in merged([*ranges, SURROGATES]):
        if place < low:
            found.append((place, low - 1))
        place = high + 1
    return (*found, (place, LAST)) if place <= LAST else tuple(found)


def minus(one: Chars, without: Iterable[tuple[int, int]], /) -> Chars:
    """Characters without those of some ranges."""
    return Chars(inverted([*inverted(one.ranges), *without]))


ANY = Chars(inverted(()))
"""Any character."""
