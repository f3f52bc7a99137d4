r"""Patterns in the language of JSON Schema: regular expressions without what looks around.

Known are characters, escapes (`\d \w \s`, their opposites, `\n`, `\xHH`, `\uHHHH`), classes,
groups, `|`, `* + ? {m,n}`, and `^` and `$` at the ends; back references, looking ahead or behind,
`\b` and flags are refused by name.

References:
    ECMA-262, 2024, section 22.2. https://tc39.es/ecma262/#sec-patterns

>>> pattern(r"^[a-c]{2,3}$")
Repeat(part=Chars(ranges=((97, 99),)), least=2, most=3)
"""

from cartograd.architectures.decoding.grammar.expressions import (
    ANY,
    Chars,
    Expression,
    choice,
    inverted,
    merged,
    repeated,
    sequence,
)
from cartograd.architectures.decoding.grammar.spelling import Spelling
from cartograd.core.errors import UsageError

DIGITS = ((48, 57),)
WORDS = ((48, 57), (65, 90), (95, 95), (97, 122))
SPACES = merged(
    [(9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029),
     (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)]
)  # fmt: skip
CLASSES = {
    "d": DIGITS, "D": inverted(DIGITS), "w": WORDS, "W": inverted(WORDS), "s": SPACES,
    "S": inverted(SPACES),
}  # fmt: skip
LINES = ((10, 10), (13, 13), (0x2028, 0x2029))
"""What a dot is not."""


def pattern(text: str, /) -> Expression:
    """A pattern as an expression of whole texts: what is not tied by `^` or `$` may stand inside.

    Raises:
        UsageError: it has something that is not known, and where.
    """
    spelling = Spelling(text, "the pattern")
    begins = spelling.taken("^")
    found = _choice(spelling, depth=0)
    if spelling.here:
        raise spelling.wrong(f"{spelling.here!r} has nothing to close")
    parts = [found] if begins else [repeated(ANY), found]
    if spelling.ended:
        return parts[0] if len(parts) == 1 else sequence(*parts)
    return sequence(*parts, repeated(ANY))


def _choice(spelling: Spelling, depth: int) -> Expression:
    ways = [_row(spelling, depth)]
    while spelling.taken("|"):
        ways.append(_row(spelling, depth))
    if len(ways) > 1 and depth == 0 and (spelling.ended or spelling.text.startswith("^")):
        raise UsageError(
            f"in the pattern {spelling.text!r}, ^ or $ belongs to one of the alternatives only; "
            "write ^(?:...|...)$"
        )
    return ways[0] if len(ways) == 1 else choice(*ways)


def _row(spelling: Spelling, depth: int) -> Expression:
    parts: list[Expression] = []
    while spelling.here and spelling.here not in "|)":
        if spelling.here == "$" and depth == 0 and spelling.rest == "$":
            spelling.take()
            spelling.ended = True
            break
        part = _one(spelling, depth)
        low, high = spelling.times()
        parts.append(part if (low, high) == (1, 1) else repeated(part, low, high))
    return parts[0] if len(parts) == 1 else sequence(*parts)


def _one(spelling: Spelling, depth: int) -> Expression:
    """A character, a class or a group."""
    char = spelling.here
    if char in "*+?{":
        raise spelling.wrong(f"{char!r} has nothing to repeat")
    if char in "^$":
        raise spelling.wrong(f"{char!r} is only known at the end of a pattern")
    spelling.take()
    if char == ".":
        return Chars(inverted(LINES))
    if char == "[":
        return Chars(spelling.set_of(CLASSES))
    if char == "\\":
        return Chars(spelling.escaped(CLASSES))
    if char != "(":
        return Chars(((ord(char), ord(char)),))
    if spelling.here == "?" and not spelling.taken("?:"):
        raise spelling.wrong("groups are (...) and (?:...); looking around is not known")
    found = _choice(spelling, depth + 1)
    if not spelling.taken(")"):
        raise spelling.wrong("a group is not closed")
    return found
