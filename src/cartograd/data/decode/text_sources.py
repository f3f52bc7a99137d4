"""Where texts to be answered come from: a file, the files of a folder, the rows of a table.

As in training: a text file is one text, a table has a text in each row of one column.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from cartograd.core.errors import UsageError, nearest
from cartograd.core.ports import Port
from cartograd.data.decode.prose import prose_columns
from cartograd.data.decode.table import Table
from cartograd.data.decode.table_files import read_table
from cartograd.data.decode.text_files import SUFFIXES

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".xlsx", ".parquet")
"""What tables end in."""


def texts_in(
    port: Port, path: Path | Table, /, notes: list[str]
) -> Sequence[tuple[Path | str | dict[str, str], str]]:
    """The texts of a file, a folder or a table, or the pairs of a table; and what to call each.

    Args:
        port: of the model; its name is that of the column, those of its pair of the two.
        path: what is there; or a table in memory.
        notes: gets a line on what was left out, and on a column that was found.

    Raises:
        UsageError: there is no text in it, or the table has no such column.
    """
    if port.pair:
        return list(_pairs(port, path, notes))
    if isinstance(path, Path) and path.is_dir():
        return _of_folder(path, notes)
    if isinstance(path, Path) and path.suffix.lower() not in TABLES:
        return [(path, str(path))]
    table = path if isinstance(path, Table) else read_table(path)
    column = _column(port, table, notes)
    cells = table.column(column)
    empty = [row for row, cell in enumerate(cells) if not cell]
    if empty:
        notes.append(
            f"{len(empty)} rows of {table.source} without a text are left out, the first of them "
            f"{table.unit} {table.lines[empty[0]]}"
        )
    named = zip(cells, table.lines, strict=True)
    return [(cell, f"{table.source} {table.unit} {line}") for cell, line in named if cell]


def _pairs(
    port: Port, path: Path | Table, notes: list[str]
) -> Iterator[tuple[dict[str, str], str]]:
    """The rows of a table in which both texts stand."""
    if isinstance(path, Path) and path.suffix.lower() not in TABLES:
        raise UsageError(
            f"{path} is no table; the model reads pairs of texts: expected a table with the "
            f"columns {' and '.join(port.pair)}"
        )
    table = path if isinstance(path, Table) else read_table(path)
    lacking = [name for name in port.pair if name not in table.header]
    if lacking:
        near = nearest(lacking[0], table.header)
        raise UsageError(
            f"{table.source} lacks the column {lacking[0]!r} that the model reads (there are "
            f"{', '.join(table.header)})" + (f"; is {near!r} meant?" if near else "")
        )
    rows = table.columns(port.pair).rows
    whole = [row for row, texts in enumerate(rows) if all(texts)]
    if len(whole) < len(rows):
        notes.append(
            f"{len(rows) - len(whole)} rows of {table.source} that lack a text are left out"
        )
    for row in whole:
        where = f"{table.source} {table.unit} {table.lines[row]}"
        yield dict(zip(port.pair, rows[row], strict=True)), where


def _of_folder(path: Path, notes: list[str]) -> list[tuple[Path | str, str]]:
    files = sorted(
        file
        for file in path.rglob("*")
        if file.is_file() and not any(part[0] == "." for part in file.relative_to(path).parts)
    )
    texts = [file for file in files if file.suffix.lower() in SUFFIXES]
    if not texts:
        raise UsageError(f"{path} holds no texts; expected {', '.join(SUFFIXES)}")
    if len(texts) < len(files):
        others = [file for file in files if file not in texts]
        notes.append(f"left out, {len(others)} files that are no texts (such as {others[0]})")
    return [(file, str(file)) for file in texts]


def _column(port: Port, table: Table, notes: list[str]) -> str:
    """The column with the texts: of the input's name, or the only one that can be meant."""
    if port.name in table.header:
        return port.name
    found = list(table.header) if len(table.header) == 1 else prose_columns(table, table.header)
    if len(found) == 1:
        notes.append(f"{table.source}: the texts are those of {found[0]!r}")
        return found[0]
    near = nearest(port.name, table.header)
    raise UsageError(
        f"{table.source} lacks the column {port.name!r} that the model reads (there are "
        f"{', '.join(table.header)})" + (f"; is {near!r} meant?" if near else "")
    )
