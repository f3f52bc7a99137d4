"""Tables as text cells: read from a delimited file, checked to be rectangular."""

import csv
import io
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from cartograd.core.errors import UsageError, unknown

MISSING = {"", "na", "n/a", "nan", "null", "none", "?"}
"""Cells (in any case) that stand for 'not known'."""

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
    """

    source: str
    header: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]
    unnamed: tuple[str, ...] = ()
    unit: str = "line"

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


def missing(cell: str, /) -> bool:
    """Whether a cell stands for 'not known'."""
    return cell.lower() in MISSING


def read_table(path: str | Path, /, *, delimiter: str | None = None, header: bool = True) -> Table:
    """Read a delimited text file (UTF-8, with or without a byte order mark).

    Args:
        path: the file.
        delimiter: between cells; by default the one of `, ; tab |` that fits the first rows.
        header: whether the first row holds the names; else they are `column1`, `column2`, ...

    Raises:
        UsageError: the file is missing, empty or no text; a name is there twice; a row has more
            or fewer cells than the first (its line is named).
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from error
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror or error}; expected a CSV file"
        ) from error
    return parse_table(text, source=str(path), delimiter=delimiter, header=header)


def parse_table(
    text: str, /, *, source: str, delimiter: str | None = None, header: bool = True
) -> Table:
    r"""As `read_table`, from text.

    >>> parse_table("name;age\nAnn;31\nBob;\n", source="people").column("age")
    ['31', '']
    """
    delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter or "", delimiter) or sniff(text)
    if len(delimiter) != 1:
        raise UsageError(f"delimiter={delimiter!r} is not a single character; expected one, or tab")
    lines, rows = _rows(text, delimiter, source)
    if not rows:
        raise UsageError(f"{source} is empty; expected a header and rows")
    if header:
        given, lines, rows = rows[0], lines[1:], rows[1:]
        _refuse_twins(given, source)
    else:
        given = [f"column{i + 1}" for i in range(len(rows[0]))]
    names = [name or f"column{i + 1}" for i, name in enumerate(given)]
    unnamed = tuple(
        name
        for name, old in zip(names, given, strict=True)
        if not old or old.startswith("Unnamed: ")
    )
    for line, row in zip(lines, rows, strict=True):
        if len(row) != len(names):
            raise UsageError(
                f"{source} line {line} has {len(row)} cells; expected {len(names)}, as in the "
                f"first row (delimiter {delimiter!r}); mend the line or give delimiter="
            )
    return Table(source, tuple(names), rows, lines, unnamed)


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
        if not widths or widths[0] < 2:
            continue
        found = (widths.count(widths[0]), widths[0])
        best, score = max((best, score), (delimiter, found), key=lambda pair: pair[1])
    return best


def _rows(text: str, delimiter: str, source: str) -> tuple[list[int], list[list[str]]]:
    """Non-empty rows and the lines on which they end."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines, rows = [], []
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells) or len(cells) > 1:
                lines.append(reader.line_num)
                rows.append(cells)
    except csv.Error as error:
        raise UsageError(f"{source} line {reader.line_num}: {error}; mend the line") from error
    return lines, rows


def _refuse_twins(names: list[str], source: str) -> None:
    twice = [name for name in dict.fromkeys(names) if name and names.count(name) > 1]
    if twice:
        raise UsageError(f"{source}: the column {twice[0]!r} is there twice; rename one of them")
