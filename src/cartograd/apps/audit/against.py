"""Two cards compared: each figure beside that of the other, and whether they can be told apart.

The interval of a difference is made of those of its two figures (Newcombe's square-and-add), as of
independent samples. Of the same examples that is too wide rather than too narrow, as long as the
two models err on the same ones.

    d -+ sqrt((a - low_a)^2 + (high_b - b)^2),    d = a - b

References:
    Robert Newcombe. Interval estimation for the difference between independent proportions:
    comparison of eleven methods. Statistics in Medicine 17, 1998.
    https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8%3C873::AID-SIM779%3E3.0.CO;2-I
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cartograd.apps.audit.card import FORMAT, Audit
from cartograd.apps.audit.comparison import Comparison, Pair, Word
from cartograd.apps.audit.figure import ORDER, Figure
from cartograd.core.errors import UsageError


def read_card(path: str | Path, /) -> dict[str, Any]:
    """The JSON of a card.

    Raises:
        UsageError: the file is none.
    """
    try:
        told = json.loads(Path(path).read_text(encoding="utf-8"))
        if told["format"] == FORMAT and told["sections"] is not None:
            return told
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no audit card; expected an audit.json") from error
    raise UsageError(f"{path} is an audit card of format {told['format']}; expected {FORMAT}")


def compared(own: Audit, told: Mapping[str, Any], name: str, /) -> Comparison:
    """A card beside the JSON of another one.

    Args:
        own: the card.
        told: the other's JSON.
        name: what to call the other.
    """
    keys = Figure.__dataclass_fields__
    theirs = {
        f"{section}.{figure}": Figure.from_json({key: one[key] for key in keys})
        for section, found in told["sections"].items()
        for figure, one in found["figures"].items()
    }
    mine = own.figures
    pairs = [_pair(key, mine[key], theirs[key]) for key in mine if key in theirs]
    notes = []
    if own.about["digests"]["examples"] != told["about"]["digests"]["examples"]:
        notes.append("the two were measured on other examples")
    if own.about["digests"]["weights"] == told["about"]["digests"]["weights"]:
        notes.append("both are of the same weights")
    return Comparison(name, tuple(pairs), tuple(sorted(mine.keys() ^ theirs.keys())), tuple(notes))


def _pair(name: str, own: Figure, other: Figure) -> Pair:
    between = own.value - other.value
    down = math.hypot(own.value - own.low, other.high - other.value)
    up = math.hypot(own.high - own.value, other.value - other.low)
    low, high = between - down, between + up
    word: Word = "no difference"
    if not (math.isfinite(low) and math.isfinite(high)):
        word = _by_marks(own, other)
    elif low > 0 or high < 0:
        good = {"higher": low > 0, "lower": high < 0}.get(own.better)
        word = "other" if good is None else "better" if good else "worse"
    return Pair(name, own, other, low, high, word)


def _by_marks(own: Figure, other: Figure) -> Word:
    """Of figures without an interval, such as counts of signs, the verdicts are compared."""
    if not own.mark or not other.mark or own.mark == other.mark:
        return ""
    return "better" if ORDER.index(own.mark) > ORDER.index(other.mark) else "worse"
