"""The words of the library: each hyperparameter's name, range and general sense, once."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from cartograd.core.errors import UsageError
from cartograd.core.language import chinese

LARGEST = 2**63
"""No whole number of a setting reaches it."""


@cache
def words() -> dict[str, dict[str, Any]]:
    """Every hyperparameter by name: `means`, and `min`, `max`, `above`, `below` where bounded.

    Where a word has another range in some method, `of` has that range under the method's name.
    """
    path = Path(__file__).with_name("vocabulary.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def check(owner: str, key: str, value: Any, /, *, means: str = "") -> None:
    """Refuse a number outside of its word's range (each item of a tuple is checked).

    Args:
        owner: whose argument it is.
        key: its name.
        value: what was given.
        means: what the owner's docstring says of it.

    Raises:
        UsageError: the value is outside of the range, or of what 64 bits hold.
    """
    word = words().get(key, {})
    entry = word.get("of", {}).get(owner, word)
    for number in value if isinstance(value, tuple | list) else (value,):
        if isinstance(number, bool) or not isinstance(number, int | float):
            continue
        if isinstance(number, int) and abs(number) >= LARGEST:
            raise UsageError(
                f"{owner}: {key}={str(value)[:40]} is out of range; expected a number of 64 bits "
                f"({sense(key, means)})"
            )
        limits = {
            "at least": "min" in entry and not number >= entry["min"],
            "at most": "max" in entry and not number <= entry["max"],
            "above": "above" in entry and not number > entry["above"],
            "below": "below" in entry and not number < entry["below"],
        }
        for phrase, broken in limits.items():
            if broken:
                limit = entry[{"at least": "min", "at most": "max"}.get(phrase, phrase)]
                raise UsageError(
                    f"{owner}: {key}={value!r} is out of range; expected {phrase} {limit} "
                    f"({sense(key, means)})"
                )


def sense(key: str, means: str, /) -> str:
    """What a word means, as its owner says it; in Chinese its general sense, which has Chinese.

    >>> sense("seed", "of the random starts."), sense("no such word", "")
    ('of the random starts', 'no such word')
    """
    general = str(words().get(key, {}).get("means", ""))
    return (general if chinese() and general else means or general or key).rstrip(".")
