"""The fields of a claim of a user's own, looked at before anything of its file is run."""

from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from cartograd.core.errors import UsageError
from cartograd.evidence.claim import Claim
from cartograd.evidence.verdict import Check

WORDS = {str: "a text", int: "a whole number", bool: "True or False"}
AXES = ("", "x", "y", "xy")


def check_fields(given: dict[str, Any], path: Path, /) -> None:
    """Refuse what is no value of its field.

    >>> check_fields({"seeds": "three"}, Path("mine.py"))
    Traceback (most recent call last):
    ...
    cartograd.core.errors.UsageError: mine.py: seeds='three' of the claim; expected a whole number

    Raises:
        UsageError: which, and what was expected.
    """
    kinds = get_type_hints(Claim)
    for name, value in given.items():
        if expected := _lacks(value, kinds[name]):
            raise UsageError(f"{path}: {name}={value!r} of the claim; expected {expected}")
    if given.get("scale", "") not in AXES:
        raise UsageError(f"{path}: scale={given['scale']!r} of the claim; expected x, y or xy")
    name = given.get("id", path.stem)
    if name in ("", ".", "..") or Path(name).name != name:
        raise UsageError(
            f"{path}: id={name!r} of the claim names its folder; expected a name like helps-on-mine"
        )


def check_rule(text: str, path: Path, /) -> None:
    """Refuse what is no check.

    Raises:
        UsageError: what one looks like.
    """
    try:
        Check.parse(text)
    except ValueError as error:  # a UsageError is one, and so is a bound that is no number
        raise UsageError(
            f"{path}: {text!r} is not a check; expected e.g. 'mean gain > 0': mean, ratio, share, "
            "every, tasks or most, a figure, one of < <= > >=, and a number"
        ) from error


def _lacks(value: Any, kind: Any) -> str:
    """What a value should have been; empty if it is."""
    if kind in WORDS:
        return "" if type(value) is kind else WORDS[kind]
    parts = get_args(kind)
    if get_origin(kind) is Literal:
        return "" if value in parts else f"one of {', '.join(parts)}"
    right = parts[-1] is ... or (isinstance(value, tuple) and len(value) == len(parts))
    if isinstance(value, tuple) and right and all(isinstance(one, str) for one in value):
        return ""
    return 'texts like ("a",)' if parts[-1] is ... else 'two texts like ("step", "loss")'
