"""The table of runs: what each came to, sorted and filtered."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cartograd.apps.answers import units
from cartograd.apps.load.run_result import Gap, Result, result, tags
from cartograd.apps.load.runs import Look, figure_of
from cartograd.core.errors import UsageError, unknown

HEAD = ("run", "model", "data", "epochs", "best", "test", "to baseline", "state", "time", "tags")

FIELDS = ("began", "name", "model", "data", "epochs", "best", "test", "gap", "state", "time", "tag")
"""What runs are sorted and filtered by."""

NUMBERS = ("epochs", "best", "test", "gap", "time")
"""Fields that are compared as numbers."""

_ASKED = re.compile(r"(\w+)\s*(!=|>=|<=|=|>|<)\s*(.+)", re.DOTALL)
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">": lambda a, b: a > b, "<": lambda a, b: a < b, ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b, "=": lambda a, b: a == b, "!=": lambda a, b: a != b,
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A run in the table.

    Attributes:
        folder: of the run.
        look: the run as it lies there; None of a damaged one.
        error: what is wrong with a damaged one.
        result: what its test part said.
        tags: words that people gave it.
    """

    folder: Path
    look: Look | None
    error: str
    result: Result | None
    tags: tuple[str, ...]

    def value(self, field: str, /) -> Any:
        """A field as it is sorted and filtered by; None where it is not known."""
        if self.look is None:
            known: dict[str, Any] = {"state": "damaged"}
        else:
            figure, settings = self.look.figure, self.look.settings
            known = {
                "model": str(settings.get("model", "?")), "data": str(settings.get("data", "?")),
                "epochs": len(self.look.history), "best": None if figure is None else figure[1],
                "state": self.look.state, "time": self.look.seconds,
            }  # fmt: skip
        if self.result is not None:
            gap = self.result.gap
            known |= {"test": self.result.value, "gap": None if gap is None else gap.middle}
        return (known | {"name": self.folder.name}).get(field)

    def cells(self) -> tuple[str, ...]:
        """The row as it is printed."""
        if self.look is None:
            return (self.folder.name, *[""] * 6, "damaged", "", ", ".join(self.tags))
        settings, found = self.look.settings, self.result
        test = "" if found is None else f"{found.metric} {units.metric(found.metric, found.value)}"
        return (
            self.folder.name, self.value("model"), self.value("data"),
            f"{len(self.look.history)}/{settings.get('epochs', '?')}", figure_of(self.look), test,
            "" if found is None or found.gap is None else gap_in_words(found.gap),
            self.look.state, units.seconds(self.look.seconds), ", ".join(self.tags),
        )  # fmt: skip

    def lines(self) -> list[tuple[str, str]]:
        """What is told of one run beside its curves."""
        test, gap = self.cells()[5:7]
        sentence = "" if self.result is None else self.result.sentence
        told = (("test", test), ("baseline", gap), ("this is", sentence))
        found = [(name, text) for name, text in told if text]
        return found + ([("tags", ", ".join(self.tags))] if self.tags else [])

    def more(self) -> dict[str, Any]:
        """What the table tells beside the run itself, as JSON types."""
        found = self.result
        test = None if found is None else {
            "metric": found.metric, "value": found.value, "low": found.low, "high": found.high,
        }  # fmt: skip
        gap = None if found is None or found.gap is None else vars(found.gap)
        sentence = None if found is None else found.sentence or None
        return {"test": test, "gap": gap, "sentence": sentence, "tags": list(self.tags)}


def gap_in_words(gap: Gap, /) -> str:
    """How far from the baseline, with the interval.

    >>> gap_in_words(Gap("boosting", "better", "accuracy", 0.003, 0.021))
    '+0.3 % to +2.1 %, boosting'
    """
    ends = (
        f"{'-' if x < 0 else '+'}{units.metric(gap.metric, abs(x))}" for x in (gap.low, gap.high)
    )
    return f"{' to '.join(ends)}, {gap.name}"


def rows(runs: Iterable[Look | tuple[Path, str]], /) -> list[Row]:
    """Runs as rows, in their order."""
    found = []
    for one in runs:
        folder, look, error = (one[0], None, one[1]) if isinstance(one, tuple) else (
            one.folder, one, ""
        )  # fmt: skip
        found.append(Row(folder, look, error, result(folder), tuple(tags(folder))))
    return found


def chosen(found: Sequence[Row], asked: Sequence[str], /) -> list[Row]:
    """The rows that every filter lets through.

    Args:
        found: all rows.
        asked: like `state=finished`, `model=resnet` (a part of it is enough), `test>0.9`, `tag=a`.

    Raises:
        UsageError: a filter is none, names no field, or compares words as numbers.
    """
    for text in asked:
        match = _ASKED.fullmatch(text.strip())
        if match is None:
            raise UsageError(f"{text!r} is no filter; expected FIELD=VALUE, like state=finished")
        field, sign, wanted = match[1], match[2], match[3].strip()
        if field not in FIELDS[1:]:
            raise unknown("field of runs", field, FIELDS[1:], every=True)
        found = [row for row in found if _passes(row, field, sign, wanted)]
    return list(found)


def _passes(row: Row, field: str, sign: str, wanted: str) -> bool:
    """Whether a row passes one filter."""
    if field in NUMBERS:
        value = row.value(field)
        try:
            return value is not None and _SIGNS[sign](value, float(wanted))
        except ValueError as error:
            raise UsageError(f"{field} is a number, and {wanted!r} is none") from error
    if sign not in ("=", "!="):
        raise UsageError(f"{field} is a word; expected {field}={wanted} or {field}!={wanted}")
    has = wanted in row.tags if field == "tag" else wanted in str(row.value(field) or "")
    return has == (sign == "=")


def in_order(found: Sequence[Row], by: str, /) -> list[Row]:
    """Rows sorted by a field: the best test first, all else from small to large.

    Raises:
        UsageError: there is no such field.
    """
    if by not in FIELDS:
        raise unknown("field of runs", by, FIELDS, every=True)
    if by == "began":
        return list(found)
    if by == "tag":
        return sorted(found, key=lambda row: (not row.tags, row.tags))
    known = [row for row in found if row.value(by) is not None]
    rest = [row for row in found if row.value(by) is None]
    if by in ("test", "best"):  # by each metric apart: they have different units
        return sorted(known, key=_rank(by)) + rest
    return sorted(known, key=lambda row: row.value(by), reverse=by == "gap") + rest


def _rank(by: str) -> Callable[[Row], tuple[str, float]]:
    """Metrics by name, and the better value first."""
    from cartograd.core import registry
    from cartograd.core.card import MEASURED

    def rank(row: Row) -> tuple[str, float]:
        figure = None if row.look is None else row.look.figure
        name = row.result.metric if by == "test" and row.result else (figure or ("", 0.0))[0]
        plain = name.rpartition("/")[2].partition(":")[0]
        cards = [card for kind in MEASURED for card, _ in registry.lookup(plain, kind=kind)]
        falls = plain.endswith("loss") or (bool(cards) and cards[0].better == "lower")
        return name, row.value(by) if falls else -row.value(by)

    return rank
