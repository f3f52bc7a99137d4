"""Gates: limits that a result keeps or not, a line each; the exit code is 1 if one fails."""

from collections.abc import Mapping, Sequence
from typing import Any

from cartograd.apps.cli import output
from cartograd.core.errors import UsageError

BEATEN = "--beat-baseline"


def limit(text: str, /) -> tuple[str, float]:
    """A metric and its limit, of `accuracy=0.95`.

    Raises:
        UsageError: it is not written so.
    """
    name, _, value = text.rpartition("=")
    try:
        return name.strip(), float(value)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is no limit; expected METRIC=NUMBER, like accuracy=0.95"
        ) from error


def gate(value: float, name: str, limit: float, word: str, /) -> dict[str, Any]:
    """Whether a value keeps a limit; one that is not a number keeps none."""
    passed = value >= limit if word == "min" else value <= limit
    return {"metric": name, word: limit, "value": value, "passed": passed}


def all_told(kept: Sequence[Mapping[str, Any]], names: Sequence[str], /) -> None:
    """A line on each gate that was asked for.

    Args:
        kept: as `gate` gives them.
        names: of their metrics, as they are spoken.
    """
    for one, name in zip(kept, names, strict=True):
        word = "min" if "min" in one else "max"
        state = "passed" if one["passed"] else "FAILED"
        output.note(f"{state}: {name} is {one['value']:.4g}, {word} {one[word]:g}")


def beaten(beside: Sequence[Mapping[str, Any]], yardstick: str | None, /) -> dict[str, Any]:
    """Whether a model is better than a constant answer and than a quick model, beyond noise.

    Where no quick model fits the answers, what stands beside them is to be beaten: the season
    before of a forecast, a plain way of restoring pictures.

    Args:
        beside: what it was compared with, as JSON types.
        yardstick: which quick model there was, or `none` and why.

    >>> both = [{"name": "always 3", "is": "better"}, {"name": "boosting", "is": "no better"}]
    >>> beaten(both, "boosting, fitted on 300 training examples")
    {'baseline': ['always 3', 'boosting'], 'passed': False, 'why': 'no better than boosting'}
    """
    names = [one["name"] for one in beside]
    why = [f"{one['is']} than {one['name']}" for one in beside if one["is"] != "better"]
    if not why and (not beside or (yardstick or "").startswith("none")):
        why = [f"there is nothing to beat ({yardstick or 'none fits such answers'})"]
    return {"baseline": names, "passed": not why, "why": "; ".join(why)}


def told(found: Mapping[str, Any], /) -> None:
    """A line on the gate of the baselines."""
    better = f"better than {' and than '.join(found['baseline'])}"
    line = f"passed: {better}" if found["passed"] else f"FAILED: {found['why']}"
    output.note(f"{line} ({BEATEN})")


def check_alone(others: Mapping[str, Any], settings: Mapping[str, Any], /) -> None:
    """Refuse the gate where there will be nothing to beat, or no single training.

    Args:
        others: further flags by name.
        settings: what was said of the training.

    Raises:
        UsageError: which is in the way.
    """
    strange = next((name for name, value in others.items() if value), None)
    if strange is not None:
        raise UsageError(
            f"{BEATEN} is of one training here; leave {strange} out, or ask it of the run: "
            f"cartograd evaluate RUN {BEATEN}"
        )
    if settings.get("yardstick") == "none":
        raise UsageError(f"{BEATEN} needs something to beat; leave yardstick=none out")
