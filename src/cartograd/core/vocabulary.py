"""The words of the library: each hyperparameter's name, range and general sense, once."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from cartograd.core.errors import UsageError


@cache
def words() -> dict[str, dict[str, Any]]:
    """Every hyperparameter by name: `means`, and `min`, `max`, `above`, `below` where bounded."""
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
        UsageError: the value is outside of the range.
    """
    word = words().get(key, {})
    for number in value if isinstance(value, tuple | list) else (value,):
        if isinstance(number, bool) or not isinstance(number, int | float):
            continue
        limits = {
            "at least": "min" in word and not number >= word["min"],
            "at most": "max" in word and not number <= word["max"],
            "above": "above" in word and not number > word["above"],
            "below": "below" in word and not number < word["below"],
        }
        for phrase, broken in limits.items():
            if broken:
                limit = word[{"at least": "min", "at most": "max"}.get(phrase, phrase)]
                raise UsageError(
                    f"{owner}: {key}={value!r} is out of range; expected {phrase} {limit} "
                    f"({means or word['means']})"
                )
