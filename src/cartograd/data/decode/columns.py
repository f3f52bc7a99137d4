"""What kind each column of a table is, and its statistics from the training rows.

A column is of numbers, or of dates, if at least nine in ten of its known cells are; one of the
others is then an error that names its line, never a silent blank. Any other column is categorical:
one feature for each category that at least two training rows have, the 100 most frequent at most.
Free text, which seldom repeats, is encoded by its words. Columns that cannot help are left out,
with the reason: no name, one value only, words that never repeat.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Int

from cartograd.core.arrays import Tensor
from cartograd.core.ports import Column
from cartograd.data.decode import dates
from cartograd.data.decode.encode import moments, numbers
from cartograd.data.decode.free_text import text_column
from cartograd.data.decode.numeric import codes, decimals, marked, missing, plain, unit
from cartograd.data.decode.prose import is_prose
from cartograd.data.decode.table import Table

MOST = 100
"""Categories kept of one column."""

SPIKE = 0.005
"""Share of the rows from which a number far from all others is pointed out."""

FAR = 5.0
"""How far that is, in ranges of all others."""


@dataclass(frozen=True)
class Columns:
    """The columns of a table, as they were understood.

    Attributes:
        used: how each becomes features.
        left_out: the reason for each that does not.
        notes: what was decided and could be otherwise, a line each.
    """

    used: tuple[Column, ...]
    left_out: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """All that was decided, in lines for a reader."""
        kinds: dict[str, list[str]] = {}
        for column in self.used:
            kinds.setdefault(_kind(column), []).append(_named(column))
        used = [f"columns of {kind}: {_listed(names)}" for kind, names in kinds.items()]
        reasons: dict[str, list[str]] = {}
        for name, reason in self.left_out.items():
            reasons.setdefault(reason, []).append(name)
        out = [f"left out, {reason}: {_listed(names)}" for reason, names in reasons.items()]
        return [*used, *out, *self.notes]


def fit_columns(
    table: Table,
    names: Sequence[str],
    train: Int[Tensor, " n"],
    /,
    *,
    categorical: Sequence[str] = (),
    decimal: str = "",
    marks: Sequence[str] = (),
    texts: str = "leave",
) -> Columns:
    """The encoding of each column, measured on the training rows; and the columns left out.

    Args:
        table: all rows; they decide what kind a column is.
        names: the columns to encode.
        train: the rows to measure.
        categorical: columns whose numbers are names of categories.
        decimal: the decimal mark of all columns; found out if empty.
        marks: further cells that stand for 'not known'.
        texts: how free text is encoded (see `free_text`), or that it is left out.

    Raises:
        UsageError: a cell of a column of numbers is not a finite number, or of dates no date.
    """
    amounts = [name for name in names if name not in categorical]
    styles, either = decimal_marks(table, amounts, decimal, marks)
    used, left_out, notes = [], {}, []
    rows = train.tolist()
    for name in names:
        cells = table.column(name)
        known = [cells[row] for row in rows if cells[row] and not marked(cells[row], marks)]
        order = ""
        if name not in categorical and not styles[name]:
            order = dates.order(among(cells, marks))
        if not among(known, marks):
            left_out[name] = "always missing"
            continue
        if len(set(known)) < 2:
            left_out[name] = "the same in every training row"
            continue
        if styles.get(name) and not codes(among(cells, marks)):
            column = _numeric(table, name, cells, rows, styles[name], marks)
            notes += _number_notes(column, table, marks, doubtful=name in either)
        elif order:
            column = _dates(table, name, rows, order, marks)
            notes += _date_notes(name, among(cells, marks), order)
        else:
            column = _categories(name, known, marks)
            if styles.get(name):
                notes.append(f"{name}: numbers with leading zeros are taken as codes")
        reason = _useless(column, cells, said=name in categorical)
        if reason and column.categories is not None and is_prose(cells):
            column = text_column(name, texts, marks) or column
        if reason and not column.encoder:
            left_out[name] = reason
        else:
            used.append(column)
    return Columns(tuple(used), left_out, tuple(notes))


def is_numeric(cells: Sequence[str], /) -> bool:
    """Whether at least nine in ten of the known cells are numbers.

    >>> is_numeric(["1", "2.5", "", "NA"]), is_numeric(["1", "two"])
    (True, False)
    """
    return bool(decimals(among(cells)))


def among(cells: Sequence[str], marks: Sequence[str] = (), /) -> list[str]:
    """The cells that are known, if the column is of numbers or of dates."""
    return [cell for cell in cells if not missing(cell, marks)]


def decimal_marks(
    table: Table, names: Sequence[str], decimal: str, marks: Sequence[str]
) -> tuple[dict[str, str], set[str]]:
    """The decimal mark of each column of numbers (empty for others), and which could have either.

    Args:
        table: the rows.
        names: the columns.
        decimal: what was said; then nothing is left open.
        marks: further cells that stand for 'not known'.
    """
    found = {name: decimals(among(table.column(name), marks)) for name in names}
    if decimal:
        return {name: style and decimal for name, style in found.items()}, set()
    either = {name for name, style in found.items() if len(style) > 1}
    commas = sum(style == "," for style in found.values())
    usual = "," if commas and commas >= _with_point(table, found) else "."
    return {name: usual if name in either else style for name, style in found.items()}, either


def measured(values: np.ndarray, /) -> tuple[float, float]:
    """Mean and standard deviation, to seven digits of the spread (not of the mean itself).

    So numbers that are large and differ little, such as times and article numbers, keep their
    differences. The deviation of a single value is 0.

    >>> measured(np.array([4006381334000.0, 4006381335000.0]))
    (4006381334500.0, 500.0)
    """
    anchor = values[0]
    mean, std = float(anchor + (values - anchor).mean()), float((values - anchor).std())
    if not std > 0:
        return mean, 0.0
    return round(mean, 7 - math.floor(math.log10(std))), float(f"{std:.7g}")


def _with_point(table: Table, styles: Mapping[str, str]) -> int:
    """How many columns have decimal points; whole numbers say nothing."""
    points = [name for name, style in styles.items() if style == "."]
    return sum(any("." in cell for cell in table.column(name)) for name in points)


def _numeric(
    table: Table,
    name: str,
    cells: Sequence[str],
    rows: list[int],
    style: str,
    marks: Sequence[str],
) -> Column:
    way_out = f"categorical=[{name}]"
    values = numbers(cells, name, table, decimal=style, marks=marks, otherwise=way_out)[rows]
    gaps = np.isnan(values)
    mean, std = (0.0, 0.0) if gaps.all() else measured(values[~gaps])
    dress: Any = {
        "decimal": style,
        "missing": tuple(marks),
        "unit": unit(among(cells, marks), style),
    }
    return Column(name, None, mean, std, bool(gaps.any()), **dress)


def _dates(table: Table, name: str, rows: list[int], order: str, marks: Sequence[str]) -> Column:
    found = moments(table, name, order, marks)
    chosen = [found[row] for row in rows]
    days = [one.days for one in chosen if one is not None]
    mean, std = measured(np.array(days)) if days else (0.0, 0.0)
    clock = any(one is not None and one.hour for one in found)
    gaps = None in chosen
    return Column(name, None, mean, std, gaps, dates=order, clock=clock, missing=tuple(marks))


def _categories(name: str, known: Sequence[str], marks: Sequence[str]) -> Column:
    kept = [item for item in Counter(known).most_common(MOST) if item[1] > 1]
    return Column(name, tuple(sorted(item[0] for item in kept)), missing=tuple(marks))


def _useless(column: Column, cells: Sequence[str], *, said: bool) -> str:
    """Why a column cannot help; empty if it can, or if it was said to be of categories."""
    if column.categories is None:
        return "" if column.std else "the same in every training row"
    if not column.categories:
        return "text that never repeats"
    return "text that seldom repeats" if not said and is_prose(cells) else ""


def _number_notes(
    column: Column, table: Table, marks: Sequence[str], *, doubtful: bool
) -> list[str]:
    """What could be otherwise in a column of numbers."""
    cells = among(table.column(column.name), marks)
    values = numbers(cells, column.name, table, decimal=column.decimal)
    notes = []
    dressed = next((i for i, cell in enumerate(cells) if plain(cell) != values[i]), None)
    if dressed is not None:
        read = f"{column.name}: {cells[dressed]!r} is read as {values[dressed]:.10g}"
        other = "," if column.decimal == "." else "."
        notes.append(read + (f"; decimal={other} reads it otherwise" if doubtful else ""))
    lone, count = spike(values)
    if count:
        rest = values[values != lone]
        notes.append(
            f"{column.name}: {lone:g} stands in {count} of {len(table)} rows, far from all others "
            f"({rest.min():g} to {rest.max():g}); if it means 'not known', give missing={lone:g}"
        )
    return notes


def spike(values: np.ndarray, /) -> tuple[float, int]:
    """The least or greatest number, if it repeats and lies far from all others; and how often."""
    for lone in (values.min(), values.max()):
        rest = values[values != lone]
        count = len(values) - len(rest)
        if count < max(3, SPIKE * len(values)) or len(set(rest)) < 3:
            continue
        low, high = rest.min(), rest.max()
        if max(low - lone, lone - high) > FAR * (high - low):
            return float(lone), count
    return 0.0, 0


def _date_notes(name: str, cells: Sequence[str], order: str) -> list[str]:
    """Where day and month could have been taken the other way round."""
    if len(dates.orders(cells)) < 2:
        return []
    first, way_out = ("day", "month") if order == "dmy" else ("month", "day")
    return [
        f"{name}: {cells[0]!r} is read with the {first} first (nothing in the column says that the "
        f"{way_out} is); write it as year-month-day if that is wrong"
    ]


def _kind(column: Column) -> str:
    if column.encoder == "minilm":
        return "free text (sentence vectors of MiniLM)"
    if column.encoder:
        return "free text (hashed words and letters; text_columns=leave leaves it out)"
    if column.dates:
        return "dates (year, month, weekday, days)"
    return "numbers" if column.categories is None else "categories"


def _named(column: Column) -> str:
    counted = column.categories is not None or column.encoder
    return f"{column.name} ({column.width})" if counted else column.name


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(names[:12]) + more
