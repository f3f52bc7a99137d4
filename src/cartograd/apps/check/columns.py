"""The columns of a table: spikes, ids, gaps, constants, and categories that training never sees."""

import re
from collections import Counter
from collections.abc import Callable

import numpy as np

from cartograd.apps.check.looked import Looked
from cartograd.apps.results.data_card import DataFinding
from cartograd.core.column import Column
from cartograd.data.decode import dates
from cartograd.data.decode.columns import SPIKE, spike

CODES = frozenset({-9, -99, -999, -9999, -99999, 99, 999, 9999, 99999, 999999, 9999999})
"""Numbers that people write for 'not known'."""

MOMENTS = ("0001-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01", "9999-12-31")
"""Dates that programs write for 'not known'."""

GAP = 0.5
"""How far such a number lies from all others, in ranges of these."""

HALF, SOME = 0.5, 0.05
"""Shares of the cells that are missing: too many to help, and enough to be told."""

SAME = 0.99
"""Share of one cell from which on a column says next to nothing."""

ID = re.compile(r"(.*[_ -])?(id|uuid|guid|index|idx|nr|no|number|key)", re.IGNORECASE)
"""Names of columns that count or name the rows."""


def columns(seen: Looked, /) -> list[DataFinding]:
    """What is the matter with each column."""
    found = _left_out(seen)
    for column in seen.signature.input.columns:
        values = seen.facts.get(column.name)
        if values is None or not len(values) or column.encoder:
            continue
        looks = [look(column, values) for look in _LOOKS]
        found += filter(None, [*looks, _unseen(seen.part == 0, column, values)])
    return found


def _left_out(seen: Looked) -> list[DataFinding]:
    """The columns that the source leaves out, by the reason."""
    left, reasons = seen.data.about.get("left out"), dict[str, list[str]]()
    for name, reason in left.items() if isinstance(left, dict) else ():
        reasons.setdefault(reason, []).append(name)
    return [
        DataFinding(
            "note", "columns left out", f"{len(names)} column{'s' * (len(names) > 1)}: {reason}",
            len(names), tuple(names), "nothing, unless one of them matters",
        )
        for reason, names in reasons.items()
    ]  # fmt: skip


def _spike(column: Column, values: np.ndarray) -> DataFinding | None:
    """A number or a date that stands for 'not known'."""
    if values.dtype == object:
        return None
    known = values[~np.isnan(values)]
    lone, count = _lone(known, column)
    if not count:
        return None
    rest = known[known != lone]
    shown = dates.shown if column.dates else _number
    cell = shown(lone)
    said = (
        f"{column.name!r} is {cell} in {count:,} of {len(values):,} rows, far from all others "
        f"({shown(rest.min())} to {shown(rest.max())})"
    )
    return DataFinding(
        "warn", "spike", said, count, (), f"if it means 'not known': missing={cell}",
        count / len(values), None,
    )  # fmt: skip


def _lone(known: np.ndarray, column: Column) -> tuple[float, int]:
    """The number that is suspected, and how often it stands there."""
    if len(known) < 5:
        return 0.0, 0
    lone, count = spike(known)
    if count:
        return lone, count
    codes = {_days(one) for one in MOMENTS} if column.dates else CODES
    for lone in (float(known.min()), float(known.max())):
        rest = known[known != lone]
        count = len(known) - len(rest)
        if lone not in codes or count < max(3, SPIKE * len(known)) or len(set(rest)) < 3:
            continue
        low, high = rest.min(), rest.max()
        if max(low - lone, lone - high) > GAP * (high - low):
            return lone, count
    return 0.0, 0


def _days(text: str) -> float:
    found = dates.moment(text, "ymd")
    return float("nan") if found is None else found.days


def _number(value: float) -> str:
    return f"{value:.10g}"


def _id(column: Column, values: np.ndarray) -> DataFinding | None:
    """A number that is another one in each row."""
    if values.dtype == object or column.dates or not ID.fullmatch(column.name.strip()):
        return None
    known = values[~np.isnan(values)]
    if len(np.unique(known)) < 0.99 * len(known) or (known % 1).any() or len(known) < 10:
        return None
    return DataFinding(
        "warn", "an id", f"{column.name!r} is another whole number in each row", len(known), (),
        f"it names rows and does not describe them: ignore=[{column.name}]",
    )  # fmt: skip


def _gaps(column: Column, values: np.ndarray) -> DataFinding | None:
    """Cells that are missing."""
    gone = np.array([one is None for one in values]) if values.dtype == object else np.isnan(values)
    share = float(gone.mean())
    if share < SOME:
        return None
    said = f"{column.name!r} is missing in {int(gone.sum()):,} of {len(values):,} rows"
    mend = (
        f"hardly a help: ignore=[{column.name}]"
        if share >= HALF
        else "nothing: missing cells are told as such"
    )
    severity = "warn" if share >= HALF else "note"
    return DataFinding(severity, "gaps", said, int(gone.sum()), (), mend, share)


def _same(column: Column, values: np.ndarray) -> DataFinding | None:
    """A cell that nearly all rows have."""
    cell, count = Counter(values.tolist()).most_common(1)[0]
    if cell is None or count < SAME * len(values) or count == len(values):
        return None
    shown = cell if isinstance(cell, str) else _number(cell)
    said = f"{column.name!r} is {shown} in {count:,} of {len(values):,} rows"
    return DataFinding("note", "nearly constant", said, count, (), f"ignore=[{column.name}]")


def _unseen(learned: np.ndarray, column: Column, values: np.ndarray) -> DataFinding | None:
    """Categories of the test part that training does not have."""
    if values.dtype != object:
        return None
    cells = [[cell] if cell is None else column.named(cell) for cell in values]
    known = {name for row in learned.nonzero()[0] for name in cells[row]}
    odd = [[name for name in cells[row] if name not in known] for row in (~learned).nonzero()[0]]
    strange = dict.fromkeys(name for names in odd for name in names)
    if not strange:
        return None
    count = sum(map(bool, odd))
    said = f"{column.name!r} has {len(strange)} categories in {count} rows that training never sees"
    return DataFinding(
        "note", "unseen categories", said, count, tuple(map(str, strange)),
        "nothing: such cells are answered as none of the categories",
    )  # fmt: skip


_LOOKS: tuple[Callable[[Column, np.ndarray], DataFinding | None], ...] = (
    _spike, _id, _gaps, _same,
)  # fmt: skip
"""What is looked for in each column by itself."""
