"""Table cells as features: what kind a column is, and its statistics from the training rows.

A column is numeric if at least nine in ten of its known cells are numbers; one of the others is
then an error that names its line, never a silent blank. Any other column is categorical: one
feature for each category that at least two training rows have, the 100 most frequent at most.
Columns that cannot help are left out, with the reason: no name, one value only, text that
never repeats.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.ports import Column
from cartograd.data.decode.table import Table, missing

NUMERIC = 0.9
"""Share of the known cells that must be numbers."""

MOST = 100
"""Categories kept of one column."""


def fit_columns(
    table: Table,
    names: Sequence[str],
    train: Int[Tensor, " n"],
    /,
    *,
    categorical: Sequence[str] = (),
) -> tuple[tuple[Column, ...], dict[str, str]]:
    """The encoding of each column, measured on the training rows; and the columns left out.

    Args:
        table: all rows; they decide what kind a column is.
        names: the columns to encode.
        train: the rows to measure.
        categorical: columns whose numbers are names of categories.

    Returns:
        The columns, and for each name left out the reason.

    Raises:
        UsageError: a cell of a numeric column is not a finite number.
    """
    columns, left_out = [], {}
    rows = train.tolist()
    for name in names:
        cells = table.column(name)
        chosen = [cells[row] for row in rows if not missing(cells[row])]
        if len(set(chosen)) < 2:
            left_out[name] = "the same in every training row" if chosen else "always missing"
        elif name not in categorical and is_numeric(cells):
            indicator = len(chosen) < len(rows)
            values = numbers(cells, name, table, otherwise=f"categorical=[{name}]")
            columns.append(_measured(name, values, rows, indicator))
        else:
            kept = [item for item in Counter(chosen).most_common(MOST) if item[1] > 1]
            if kept:
                columns.append(Column(name, tuple(sorted(item[0] for item in kept))))
            else:
                left_out[name] = "text that never repeats"
    return tuple(columns), left_out


def is_numeric(cells: Sequence[str], /) -> bool:
    """Whether at least nine in ten of the known cells are numbers.

    >>> is_numeric(["1", "2.5", "", "NA"]), is_numeric(["1", "two"])
    (True, False)
    """
    known = [cell for cell in cells if not missing(cell)]
    return bool(known) and sum(map(_is_number, known)) >= NUMERIC * len(known)


def numbers(cells: Sequence[str], name: str, table: Table, /, *, otherwise: str = "") -> np.ndarray:
    """The cells as float64, NaN where missing; `otherwise` is a way out for the error to name.

    Raises:
        UsageError: a cell is not a finite number; its line is named.
    """
    values = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if missing(cell):
            continue
        if not _is_number(cell):
            raise UsageError(
                f"{table.where(row)}: {cell!r} in the numeric column {name!r} is not a finite "
                f"number; mend it" + (f", or give {otherwise}" if otherwise else "")
            )
        values[row] = float(cell)
    return values


def encode(table: Table, columns: Sequence[Column], /) -> Float[Tensor, "n d"]:
    """All rows as features.

    Raises:
        UsageError: a column is missing, or a cell of a numeric column is not a finite number.
    """
    parts = []
    for column in columns:
        cells = table.column(column.name)
        if column.categories is None:
            values = numbers(cells, column.name, table)
            gaps = np.isnan(values)
            parts.append(np.where(gaps, 0.0, (values - column.mean) / column.std)[:, None])
            if column.indicator:
                parts.append(gaps[:, None])
        else:
            place = {category: i for i, category in enumerate(column.categories)}
            index = np.array([place.get(cell, -1) for cell in cells], dtype=int)
            parts.append(index[:, None] == np.arange(len(place)))
    width = sum(column.width for column in columns)
    features = np.concatenate(parts, axis=1) if len(table) else np.zeros((0, width))
    return torch.from_numpy(features.astype(np.float32))


def _measured(name: str, values: np.ndarray, rows: list[int], indicator: bool) -> Column:
    known = values[rows][~np.isnan(values[rows])]
    mean, std = float(f"{known.mean():.7g}"), float(f"{known.std():.7g}")
    return Column(name, mean=mean, std=std if std > 0 else 1.0, indicator=indicator)


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
