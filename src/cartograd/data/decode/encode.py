"""Table cells as features, by what was found out about each column (see `columns.py`)."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from cartograd.core import arrays
from cartograd.core.arrays import Tensor
from cartograd.core.errors import UsageError, nearest
from cartograd.core.ports import Column
from cartograd.data.decode import dates
from cartograd.data.decode.free_text import encoded_text
from cartograd.data.decode.numeric import marked, missing, number
from cartograd.data.decode.table import Table


def encode(table: Table, columns: Sequence[Column], /) -> Float[Tensor, "n d"]:
    """All rows as features.

    Raises:
        UsageError: a column is missing, or a cell of a numeric column is not a finite number.
    """
    parts = []
    for column in columns:
        cells = table.column(column.name)
        if column.encoder:
            known = ["" if marked(cell, column.missing) else cell for cell in cells]
            parts.append(encoded_text(known, column.encoder, column.features))
            continue
        if column.categories is not None:
            place = {category: i for i, category in enumerate(column.categories)}
            if column.numbered and column.features:
                parts.append(_several(cells, column, place))
                continue
            index = np.array([place.get(cell, len(place)) for cell in cells], dtype=int)[:, None]
            parts.append(index if column.numbered else index == np.arange(len(place)))
            continue
        if column.dates:
            found = moments(table, column.name, column.dates, column.missing)
            scale = {"mean": column.mean, "std": column.std}
            parts.append(dates.features(found, **scale, clock=column.clock))
            gaps = np.array([one is None for one in found])
        else:
            style, marks = column.decimal, column.missing
            values = numbers(cells, column.name, table, decimal=style, marks=marks)
            gaps = np.isnan(values)
            parts.append(np.where(gaps, 0.0, (values - column.mean) / column.std)[:, None])
        if column.indicator:
            parts.append(gaps[:, None])
    width = sum(column.width for column in columns)
    features = np.concatenate(parts, axis=1) if len(table) else np.zeros((0, width))
    return arrays.of(features.astype(np.float32))


def _several(cells: Sequence[str], column: Column, place: dict[str, int]) -> np.ndarray:
    """The numbers of what each cell names, the last of them first; the number after the last."""
    rows = np.full((len(cells), column.width), len(place))
    for row, cell in zip(rows, cells, strict=True):
        found = [place.get(name, len(place)) for name in reversed(column.named(cell))]
        row[: len(found)] = found
    return rows


def numbers(
    cells: Sequence[str],
    name: str,
    table: Table,
    /,
    *,
    decimal: str = ".",
    marks: Sequence[str] = (),
    otherwise: str = "",
) -> np.ndarray:
    """The cells as float64, NaN where missing.

    Args:
        cells: of one column.
        name: its name.
        table: where they come from.
        decimal: the decimal mark.
        marks: further cells that stand for 'not known'.
        otherwise: a way out for the error to name.

    Raises:
        UsageError: a cell is not a finite number, or of another unit; its line is named.
    """
    values = np.full(len(cells), np.nan)
    units: dict[str, int] = {}
    for row, cell in enumerate(cells):
        if missing(cell, marks):
            continue
        found = number(cell, decimal)
        if found is None:
            raise UsageError(
                f"{table.where(row)}: {cell!r} in the numeric column {name!r} is not a finite "
                f"number; mend it" + (f", or give {otherwise}" if otherwise else "")
            )
        values[row], unit = found
        if values[row]:  # nothing is nothing in every currency
            units.setdefault(unit, row)
    if len(units) > 1:
        first, second = list(units.values())[:2]
        raise UsageError(
            f"{table.where(first)}: {cells[first]!r} in the column {name!r} has another unit than "
            f"{cells[second]!r} in {table.unit} {table.lines[second]}; convert them to one"
        )
    return values


def moments(
    table: Table, name: str, order: str, marks: Sequence[str], /
) -> list[dates.Moment | None]:
    """The dates of one column, `None` where missing.

    Raises:
        UsageError: a cell is no date; its line is named.
    """
    found: list[dates.Moment | None] = []
    for row, cell in enumerate(table.column(name)):
        one = None if missing(cell, marks) else dates.moment(cell, order)
        if one is None and not missing(cell, marks):
            raise UsageError(
                f"{table.where(row)}: {cell!r} in the column of dates {name!r} is no date "
                f"({order}); mend it, or give categorical=[{name}]"
            )
        found.append(one)
    return found


def unknown(table: Table, columns: Sequence[Column], /) -> list[str]:
    """What a model cannot know in these rows, a line for each column: categories never seen.

    Such a cell is answered as if it were none of the categories.
    """
    lines = []
    for column in columns:
        if column.categories is None:
            continue
        cells = table.column(column.name)
        known = {*column.categories, "", *column.missing}
        named = dict.fromkeys(name for cell in cells for name in column.named(cell))
        strange = [c for c in named if c not in known]
        strange = [c for c in strange if not marked(c, column.missing)]
        if not strange:
            continue
        near = nearest(strange[0], column.categories)
        odd = set(strange)
        rows = sum(not odd.isdisjoint(column.named(cell)) for cell in cells)
        lines.append(
            f"{table.source}: {column.name!r} has "
            + ", ".join(map(repr, strange[:5]))
            + (f" and {len(strange) - 5} more" if len(strange) > 5 else "")
            + f" in {rows} row{'s' * (rows > 1)}, which the model does not know"
            + (f" (is {near!r} meant?)" if near else "")
            + "; taken as none of its categories"
        )
    return lines
