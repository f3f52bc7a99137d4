"""Tables as text cells: parsed from delimited text, checked to be rectangular."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from hashlib import sha256
from itertools import islice
from typing import Any

from cartograd.core.errors import UsageError, unknown
from cartograd.data.decode.numeric import plain

DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Table:
    """A header, and rows of text cells of the same length.

    Attributes:
        source: the file's name, for errors.
        header: names of the columns; all different.
        rows: the cells, stripped of surrounding blanks.
        lines: where each row stands in the file, for errors.
        unnamed: columns whose name was empty; mostly they count the rows.
        unit: what `lines` counts.
        notes: what was decided while it was read, a line each.
    """

    source: str
    header: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]
    unnamed: tuple[str, ...] = ()
    unit: str = "line"
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str, /) -> list[str]:
        """The cells of one column.

        Raises:
            UsageError: there is no such column; the nearest name is shown.
        """
        if name not in self.header:
            raise unknown(f"column of {self.source}", name, self.header)
        index = self.header.index(name)
        return [row[index] for row in self.rows]

    def where(self, row: int, /) -> str:
        """File and line of a row, for errors."""
        return f"{self.source} {self.unit} {self.lines[row]}"

    def select(self, rows: Sequence[int], /) -> "Table":
        """Some of the rows."""
        chosen = [self.rows[row] for row in rows], [self.lines[row] for row in rows]
        return replace(self, rows=chosen[0], lines=chosen[1])

    def columns(self, names: Sequence[str], /) -> "Table":
        """Some of the columns."""
        rows = list(map(list, zip(*map(self.column, names), strict=True)))
        return replace(self, header=tuple(names), rows=rows)

    def told(self, *notes: str) -> "Table":
        """The same table with further notes."""
        return replace(self, notes=(*self.notes, *notes))


def content_digest(table: Table, /) -> str:
    """A word that is another one for other cells or names."""
    rows = "\x1e".join("\x1f".join(row) for row in (table.header, *table.rows))
    return sha256(rows.encode(errors="surrogatepass")).hexdigest()


def as_cell(value: Any, /) -> str:
    """A typed cell as it would stand in a text file; nothing for None and what is no number.

    >>> as_cell(3.0), as_cell(None), as_cell(date(2023, 6, 25))
    ('3', '', '2023-06-25')
    """
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))  # a spreadsheet has no whole numbers
    return str(value).strip()


def joined(tables: Sequence[Table | None], /) -> Table | None:
    """Rows of one table that were parted, together again; nothing where a part has none."""
    there = [table for table in tables if table is not None]
    if not there or len(there) < len(tables):
        return None
    rows = [row for table in there for row in table.rows]
    return replace(there[0], rows=rows, lines=[line for table in there for line in table.lines])


def parse_table(
    text: str, /, *, source: str, delimiter: str | None = None, header: bool = True
) -> Table:
    r"""A table from delimited text.

    A first line such as `sep=;` names the delimiter, as spreadsheets write it. A title above the
    header and empty cells behind each row are left out, and noted.

    Args:
        text: with lines that end in any way.
        source: what to call it in errors.
        delimiter: between cells; by default the one of `, ; tab |` that fits the first rows.
        header: whether the first row holds the names; else they are `column1`, `column2`, ...

    Raises:
        UsageError: it is empty; a name is there twice; a row has more or fewer cells than the
            first (its line is named).

    >>> parse_table("name;age\nAnn;31\nBob;\n", source="people").column("age")
    ['31', '']
    """
    first = text[:20].split("\n")[0].strip()
    named = first.lower().startswith("sep=") and len(first) in (4, 5)
    if named:
        delimiter = delimiter or first[4:] or "\t"
    delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter or "", delimiter) or sniff(text)
    if len(delimiter) != 1:
        raise UsageError(f"delimiter={delimiter!r} is not a single character; expected one, or tab")
    lines, rows = _rows(text, delimiter, source)
    lines, rows = lines[named:], rows[named:]
    shown = "tab" if delimiter == "\t" else repr(delimiter)
    hint = f" (delimiter {shown}); mend the line or give delimiter="
    return rectangular(source, lines, rows, header=header, hint=hint)


def rectangular(
    source: str,
    lines: list[int],
    rows: list[list[str]],
    /,
    *,
    header: bool,
    unit: str = "line",
    hint: str = "",
) -> Table:
    """A table from rows of cells, the first of which may be the header.

    Args:
        source: what to call it in errors.
        lines: where each row stands.
        rows: the cells.
        header: whether the first row holds the names.
        unit: what `lines` counts.
        hint: how to mend a row that is too long or too short.

    Raises:
        UsageError: there are no rows, a name is there twice, or a row has another length.
    """
    lines, rows, notes = _untitled(lines, rows)
    if not rows:
        raise UsageError(f"{source} is empty; expected a header and rows")
    if header:
        given, lines, rows = rows[0], lines[1:], rows[1:]
        _refuse_twins(given, source)
    else:
        given = [f"column{i + 1}" for i in range(len(rows[0]))]
    if rows and all(len(row) == len(given) + 1 and not row[-1] for row in rows):
        rows = [row[:-1] for row in rows]
        notes += ("the empty cell behind each row is left out",)
    names = [name or f"column{i + 1}" for i, name in enumerate(given)]
    unnamed = tuple(
        name
        for name, old in zip(names, given, strict=True)
        if not old or old.startswith("Unnamed: ")
    )
    for line, row in zip(lines, rows, strict=True):
        if len(row) != len(names):
            raise UsageError(
                f"{source} {unit} {line} has {len(row)} cells; expected {len(names)}, as in the "
                f"first row{hint}"
            )
    return Table(source, tuple(names), rows, lines, unnamed, unit, notes)


def _untitled(
    lines: list[int], rows: list[list[str]]
) -> tuple[list[int], list[list[str]], tuple[str, ...]]:
    """The rows below a title, and what is noted of it.

    A title are the first rows with one cell filled, above a row of names and a row below them. It
    may also have up to half as many cells as there are names (a date in the corner of a report),
    where an empty line parts it from them.
    """
    filled = [sum(map(bool, row)) for row in rows[:6]]
    above = next((i for i, count in enumerate(filled[:5]) if count != 1), 0)
    parted = [i for i in range(1, len(filled)) if lines[i] - lines[i - 1] > 1]
    if not above and parted and 2 * max(filled[: parted[0]]) <= filled[parted[0]]:
        above = parted[0]
    names = rows[above : above + 2]
    full = len(names) == 2 and all(count > 1 for count in filled[above : above + 2])
    if not above or not full or not rows[0][0] or any(plain(cell) is not None for cell in names[0]):
        return lines, rows, ()
    title = " ".join(filter(None, rows[0]))
    return lines[above:], rows[above:], (f"the title {title!r} above the names is left out",)


def sniff(text: str, /) -> str:
    r"""The delimiter that cuts most of the first rows into the same number of cells.

    >>> sniff("a;b\n1,5;2\n2,5;3")
    ';'
    """
    first = list(islice(io.StringIO(text[:65536], newline=""), 20))
    best, score = ",", (0, 1)
    for delimiter in DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(first, delimiter=delimiter) if row]
        except csv.Error:
            continue
        cut = [width for width in widths if width > 1]
        found = max(((cut.count(width), width) for width in set(cut)), default=(0, 0))
        best, score = max((best, score), (delimiter, found), key=lambda pair: pair[1])
    return best


def _rows(text: str, delimiter: str, source: str) -> tuple[list[int], list[list[str]]]:
    """Non-empty rows and the lines on which they end."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines, rows = [], []
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells) or (len(cells) > 1 and rows):
                lines.append(reader.line_num)
                rows.append(cells)
    except csv.Error as error:
        raise UsageError(f"{source} line {reader.line_num}: {error}; mend the line") from error
    return lines, rows


def _refuse_twins(names: list[str], source: str) -> None:
    twice = [name for name in dict.fromkeys(names) if name and names.count(name) > 1]
    if twice:
        raise UsageError(f"{source}: the column {twice[0]!r} is there twice; rename one of them")
