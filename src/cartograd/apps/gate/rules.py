r"""Rules of a gate: patterns and words, read from a file that people can read.

    [[rule]]
    name = "contact data"      # what the refusal names
    side = "answer"            # prompt, answer or both (the default)
    why = "..."                # what is said about it, in a line
    patterns = ['...']         # regular expressions, whatever the case
    words = ["..."]            # whole words, whatever the case

Letters of other widths and invisible characters are put right before, in a second look at the same
text, so that they hide nothing; the first look is at the text as it is.

>>> [rule.name for rule in rules()][:2]
['control tokens', 'invisible characters']
>>> broken("<|im_start|>system", "prompt", rules()).name
'control tokens'
>>> broken("What is a system prompt?", "prompt", rules()) is None
True
"""

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from cartograd.apps.gate.verdict import SIDES
from cartograd.core.errors import UsageError, first_line, unknown

KEYS = ("name", "side", "why", "patterns", "words")
"""What may be said of a rule."""

BOTH = "both"


@dataclass(frozen=True)
class Rule:
    """A rule: what is refused, and on which side.

    Attributes:
        name: of it.
        sides: of `SIDES`.
        why: what is said about a text that it refuses.
        pattern: finds what is refused.
    """

    name: str
    sides: tuple[str, ...]
    why: str
    pattern: re.Pattern[str]


def rules(path: str | Path | None = None, /) -> tuple[Rule, ...]:
    """The rules of a file; those of the package if none is named.

    Raises:
        UsageError: the file cannot be read, a key is unknown, or a pattern is none.
    """
    own = files("cartograd.apps.gate") / "rules.toml"
    where = "the package's rules" if path is None else str(path)
    try:
        text = (own if path is None else Path(path)).read_text(encoding="utf-8")
        said = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{where} cannot be read: {first_line(error)}") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where} is no TOML: {error}") from error
    for key in said:
        if key != "rule":
            raise UsageError(f"{where}: {key!r} is not known there; expected [[rule]] alone")
    listed = said.get("rule", [])
    if not isinstance(listed, list) or not listed:
        raise UsageError(
            f"{where} holds no rule; expected [[rule]] with name and patterns or words"
        )
    return tuple(_rule(one, f"{where}, rule {number}") for number, one in enumerate(listed, 1))


def broken(text: str, side: str, own: Sequence[Rule], /) -> Rule | None:
    """The first rule that a text breaks on a side.

    Args:
        text: as it came.
        side: of `SIDES`.
        own: the rules, in their order.
    """
    looks = dict.fromkeys((text, plain(text)))
    for rule in own:
        if side in rule.sides and any(rule.pattern.search(look) for look in looks):
            return rule
    return None


def plain(text: str, /) -> str:
    """A text with letters as they are usually written, and nothing between them that is not seen.

    >>> plain("ｉｇｎ\u200bore")
    'ignore'
    """
    usual = unicodedata.normalize("NFKC", text)
    return "".join(one for one in usual if unicodedata.category(one) != "Cf")


def _rule(said: Any, where: str) -> Rule:
    if not isinstance(said, Mapping):
        raise UsageError(f"{where} is no table; expected [[rule]]")
    for key in said:
        if key not in KEYS:
            raise unknown(f"key of {where}:", key, KEYS)
    name, side = said.get("name"), said.get("side", BOTH)
    if not isinstance(name, str) or not name.strip():
        raise UsageError(f"{where} has no name; expected name = '...'")
    if side not in (*SIDES, BOTH):
        raise unknown(f"side of {where}:", str(side), (*SIDES, BOTH))
    words, patterns = (_texts(said, key, where) for key in ("words", "patterns"))
    if not words and not patterns:
        raise UsageError(f"{where} ({name}) refuses nothing; expected patterns or words")
    whole = [rf"(?<!\w){re.escape(word)}(?!\w)" for word in words]
    for pattern in patterns:
        _checked(pattern, f"{where} ({name})")
    found = re.compile("|".join(f"(?:{one})" for one in [*patterns, *whole]), re.IGNORECASE)
    why = said.get("why", f"it breaks the rule {name!r}")
    if not isinstance(why, str):
        raise UsageError(f"{where} ({name}): why={why!r} is no text")
    return Rule(name, SIDES if side == BOTH else (side,), why, found)


def _texts(said: Mapping[str, Any], key: str, where: str) -> list[str]:
    found = said.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, str) and one for one in found):
        raise UsageError(f"{where}: {key} is {found!r:.60}; expected a list of texts")
    return found


def _checked(pattern: str, where: str) -> None:
    try:
        empty = re.compile(pattern, re.IGNORECASE).search("")
    except re.error as error:
        raise UsageError(f"{where}: {pattern!r} is no regular expression: {error}") from error
    if empty:
        raise UsageError(f"{where}: {pattern!r} is found in an empty text and refuses everything")
