"""Rows of a table (a file, or cells by the names of columns) as a port with columns takes them."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from cartograd.core import arrays
from cartograd.core.arrays import Tensor
from cartograd.core.errors import UsageError, nearest
from cartograd.core.ports import Column, Port
from cartograd.data.decode import dates
from cartograd.data.decode.dress import as_written
from cartograd.data.decode.encode import encode, unknown
from cartograd.data.decode.numeric import plain
from cartograd.data.decode.table import Table
from cartograd.data.decode.table_files import read_table

NUMBERED = re.compile(r"column\d+")
"""Names that columns get in a file without a header."""


def table_rows(port: Port, sources: Sequence[Any], notes: list[str], /) -> Tensor:
    """Files of tables and mappings from column names to cells, as the features of a port.

    Raises:
        UsageError: a source is neither, cannot be read or lacks a column.
    """
    if all(isinstance(source, Mapping) for source in sources):
        return encoded_table(port, _gathered(port, sources), notes)
    parts = []
    for number, source in enumerate(sources, start=1):
        if isinstance(source, Mapping):
            parts.append(encoded_table(port, _gathered(port, [source], first=number), notes))
        elif isinstance(source, Table):
            parts.append(encoded_table(port, source, notes))
        elif isinstance(source, str | Path):
            parts.append(encoded_table(port, table_file(port, source), notes))
        else:
            raise UsageError(
                f"row {number} is of type {type(source).__name__}; expected a mapping from column "
                "names to cells, or the path of a CSV file"
            )
    return arrays.joined(parts)


def table_file(port: Port, path: str | Path, /) -> Table:
    """A file with a header, or without where the model learned from one without.

    Raises:
        UsageError: it is no table.
    """
    table, names = read_table(path), {column.name for column in port.columns}
    numbered = all(NUMBERED.fullmatch(name) for name in names)
    bare = numbered and not names & set(table.header)
    return read_table(path, header=False) if bare else table


def _gathered(port: Port, rows: Sequence[Mapping[str, Any]], *, first: int = 1) -> Table:
    """The port's columns of all rows as one table."""
    names = [column.name for column in port.columns]
    for number, row in enumerate(rows, start=first):
        _check_columns(f"row {number}", names, row)
    cells = [[_cell(row[column.name], column) for column in port.columns] for row in rows]
    lines = list(range(first, first + len(rows)))
    return Table("input", tuple(names), cells, lines, unit="row")


def encoded_table(port: Port, table: Table, notes: list[str], /) -> Tensor:
    """A table's rows as the port takes them; what the model cannot know is noted.

    Raises:
        UsageError: a column is missing, or a cell is not what the column holds.
    """
    _check_columns(table.source, [column.name for column in port.columns], table.header)
    columns, told = as_written(table, port.columns)
    notes.extend([*told, *unknown(table, columns)])
    return encode(table, columns)


def _check_columns(source: str, names: Sequence[str], there: Collection[str]) -> None:
    lacking = [name for name in names if name not in there]
    if lacking:
        near = nearest(lacking[0], [str(name) for name in there])
        raise UsageError(
            f"{source} lacks {len(lacking)} of the {len(names)} columns that the model takes: "
            + ", ".join(map(repr, lacking[:5]))
            + (f"; is {near!r} meant?" if near else "")
        )


def _cell(value: Any, column: Column) -> str:
    """A typed cell as the column writes its cells."""
    if value is None:
        return ""
    if isinstance(value, date) and column.dates:
        return dates.written(value, column.dates)
    text = str(value).strip()
    typed = isinstance(value, int | float) and (column.numeric or bool(column.dates))
    known = typed and plain(text) is not None
    return text.replace(".", column.decimal) + column.unit if known else text
