r"""Texts as JSON writes them: in quotes, with escapes, of some length, pattern or format.

>>> quoted(most=1).parts[1]
Repeat(part=Rule(name='a character of a text'), least=0, most=1)
"""

from collections.abc import Mapping
from typing import Any

from cartograd.architectures.decoding.grammar.expressions import (
    ANY,
    Choice,
    Expression,
    Repeat,
    Rule,
    Sequence,
    choice,
    literal,
    minus,
    repeated,
    sequence,
)
from cartograd.architectures.decoding.grammar.patterns import pattern
from cartograd.core.errors import UsageError, unknown

QUOTE = literal('"')

SHORT = {'"': '"', "\\": "\\", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
"""Characters that have a short escape, and its letter."""

SPECIAL = ((0, 31), (34, 34), (92, 92))
"""Characters that are never written as they are."""

DAY = r"(?:0[1-9]|1\d|2[0-8])"
DATE = rf"\d{{4}}-(?:0[1-9]|1[0-2])-{DAY}"
TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)"
HEXES = "[0-9a-f]"
FORMATS = {
    "date": f"^{DATE}$",
    "time": f"^{TIME}$",
    "date-time": f"^{DATE}T{TIME}$",
    "uuid": f"^{HEXES}{{8}}-{HEXES}{{4}}-{HEXES}{{4}}-{HEXES}{{4}}-{HEXES}{{12}}$",
    "email": r"^[a-z0-9_-]{1,40}(?:\.[a-z0-9_-]{1,20}){0,2}@(?:[a-z0-9]{1,30}\.){1,3}[a-z]{2,10}$",
    "ipv4": r"^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$",
}
"""Patterns whose texts are all of a format; of dates, those that every month has."""


CHARACTER = "a character of a text"
"""The rule of a character in quotes: one for all texts, as each takes some two hundred nodes."""


def quoted(least: int = 0, most: int | None = None) -> Sequence:
    """A text of so many characters in quotes."""
    return sequence(QUOTE, repeated(Rule(CHARACTER), least, most), QUOTE)


def text_of(asked: Mapping[str, Any], place: str, /) -> Sequence:
    """A text as a schema asks for it.

    Raises:
        UsageError: keys are not known together, or a format or a pattern is not known.
    """
    low, high = asked.get("minLength", 0), asked.get("maxLength")
    for key, value in (("minLength", low), ("maxLength", 0 if high is None else high)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise UsageError(f"the schema at {place}: {key}={value!r}; expected a count")
    said = [key for key in ("pattern", "format") if key in asked]
    if said and (len(said) > 1 or {"minLength", "maxLength"} & set(asked)):
        raise UsageError(
            f"the schema at {place}: {said[0]} beside another key about the text is not known; "
            "write the length into the pattern"
        )
    if not said:
        if high is not None and high < low:
            return sequence(Choice(()))
        return quoted(low, high)
    if said[0] == "format" and asked["format"] not in FORMATS:
        raise UsageError(
            f"the schema at {place}: {unknown('format', str(asked['format']), FORMATS)}"
        )
    shape = asked["pattern"] if said[0] == "pattern" else FORMATS[asked["format"]]
    return sequence(QUOTE, escaped(pattern(shape)), QUOTE)


def rules() -> dict[str, Expression]:
    """The rules that texts need."""
    return {CHARACTER: escaped(ANY)}


def escaped(part: Expression, /) -> Expression:
    """An expression as JSON writes its texts inside of quotes."""
    if isinstance(part, Sequence):
        return Sequence(tuple(map(escaped, part.parts)))
    if isinstance(part, Choice):
        return Choice(tuple(map(escaped, part.parts)))
    if isinstance(part, Repeat):
        return Repeat(escaped(part.part), part.least, part.most)
    if isinstance(part, Rule):
        return part
    codes = [*range(32), 34, 92]
    ways = [_escape(chr(code)) for code in codes if any(a <= code <= b for a, b in part.ranges)]
    plain = minus(part, SPECIAL)
    return choice(plain, *ways) if plain.ranges else choice(*ways)


def _escape(char: str) -> Sequence:
    return literal(f"\\{SHORT[char]}") if char in SHORT else literal(f"\\u{ord(char):04x}")
