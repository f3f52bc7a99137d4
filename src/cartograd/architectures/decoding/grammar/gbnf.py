r"""Grammars as files: rules in the notation of llama.cpp (GBNF), the first of them named root.

    root   ::= "yes" | "no" (" " reason)?     # a comment
    reason ::= [a-z ]{1,40}

A rule goes on over lines that begin with `|` or stand in brackets. Known are `"texts"` and `[sets]`
with their escapes, `.` for any character, `( )`, `|`, `* + ? {m,n}` and names of rules.

References:
    llama.cpp: GBNF guide. https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md

>>> sorted(rules_of('root ::= "a" b*\nb ::= [0-9]'))
['b', 'root']
"""

import re

from cartograd.architectures.decoding.grammar.expressions import (
    ANY,
    Chars,
    Expression,
    Rule,
    Sequence,
    choice,
    repeated,
    sequence,
)
from cartograd.architectures.decoding.grammar.spelling import Spelling
from cartograd.core.errors import UsageError, unknown

ROOT = "root"
"""The rule that a whole text follows."""

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
BLANK = re.compile(r"(?:[ \t\r]+|#[^\n]*)*")
BLANK_LINES = re.compile(r"(?:\s+|#[^\n]*)*")


def rules_of(text: str, /, *, name: str = "the grammar") -> dict[str, Expression]:
    """The rules of a grammar.

    Args:
        text: of the grammar.
        name: what messages call it, such as its file.

    Raises:
        UsageError: it is not readable, and where; a rule is missing or there twice.
    """
    spelling, rules = Spelling(text, name), dict[str, Expression]()
    used: list[tuple[str, UsageError]] = []
    _skip(spelling, BLANK_LINES)
    while spelling.here:
        rule = _name(spelling)
        if rule in rules:
            raise spelling.wrong(f"the rule {rule!r} is there twice")
        _skip(spelling, BLANK)
        if not spelling.taken("::="):
            raise spelling.wrong(f"expected ::= after the name {rule!r}")
        _skip(spelling, BLANK_LINES)
        rules[rule] = _choice(spelling, used, BLANK)
        _skip(spelling, BLANK)
        if spelling.here not in ("\n", ""):
            raise spelling.wrong(f"{spelling.here!r} was not expected here")
        _skip(spelling, BLANK_LINES)
    if ROOT not in rules:
        raise UsageError(f"{name} has no rule named {ROOT!r}, which a whole text follows")
    for rule, wrong in used:
        if rule not in rules:
            raise UsageError(f"{wrong}{unknown('rule', rule, list(rules))}")
    return rules


def _name(spelling: Spelling) -> str:
    found = NAME.match(spelling.rest)
    if found is None:
        raise spelling.wrong("expected the name of a rule")
    spelling.place += len(found[0])
    return found[0]


def _skip(spelling: Spelling, what: re.Pattern[str]) -> None:
    found = what.match(spelling.text, spelling.place)
    spelling.place = spelling.place if found is None else found.end()


def _choice(
    spelling: Spelling, used: list[tuple[str, UsageError]], blank: re.Pattern[str]
) -> Expression:
    ways = [_row(spelling, used, blank)]
    while True:
        before = spelling.place
        _skip(spelling, BLANK_LINES)
        if not spelling.taken("|"):
            spelling.place = before
            return ways[0] if len(ways) == 1 else choice(*ways)
        _skip(spelling, BLANK_LINES)
        ways.append(_row(spelling, used, blank))


def _row(
    spelling: Spelling, used: list[tuple[str, UsageError]], blank: re.Pattern[str]
) -> Expression:
    parts: list[Expression] = []
    while True:
        _skip(spelling, blank)
        if spelling.here in ("", "|", ")", "\n"):
            return parts[0] if len(parts) == 1 else sequence(*parts)
        part = _one(spelling, used)
        low, high = spelling.times()
        parts.append(part if (low, high) == (1, 1) else repeated(part, low, high))


def _one(spelling: Spelling, used: list[tuple[str, UsageError]]) -> Expression:
    if spelling.taken('"'):
        return _text(spelling)
    if spelling.taken("["):
        return Chars(spelling.set_of({}))
    if spelling.taken("."):
        return ANY
    if spelling.taken("("):
        _skip(spelling, BLANK_LINES)
        found = _choice(spelling, used, BLANK_LINES)
        _skip(spelling, BLANK_LINES)
        if not spelling.taken(")"):
            raise spelling.wrong("a group is not closed")
        return found
    if NAME.match(spelling.rest) is None:
        raise spelling.wrong(f"{spelling.here!r} was not expected here")
    said = spelling.wrong("")
    rule = _name(spelling)
    used.append((rule, said))
    return Rule(rule)


def _text(spelling: Spelling) -> Sequence:
    """A quoted text, of which the opening quote is read."""
    parts: list[Expression] = []
    while not spelling.taken('"'):
        if spelling.here in ("", "\n"):
            raise spelling.wrong('a text in "..." is not closed')
        char = spelling.take()
        known = spelling.escaped({}) if char == "\\" else ((ord(char), ord(char)),)
        parts.append(Chars(known))
    return sequence(*parts)
