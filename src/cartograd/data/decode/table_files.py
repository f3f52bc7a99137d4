"""Files that hold a table: delimited text in any encoding, JSON lines, gzip, Excel, Parquet.

What a file is, its first bytes say, not its name.
"""

import gzip
import io
import zipfile
import zlib
from pathlib import Path
from typing import Any

from cartograd.core.errors import UsageError, first_line
from cartograd.data.decode.json_lines import parse_json_lines
from cartograd.data.decode.table import Table, as_cell, parse_table, rectangular
from cartograd.data.decode.text_files import decoded

LARGEST = 4 << 30
"""Bytes that a compressed table may have when it is unpacked ..."""
EASY, RATIO = 100 << 20, 250
"""... and more than these it may not be, if that is more than so many times its size: a bomb."""
PIECE = 1 << 24
"""Bytes that are unpacked at a time."""


def read_table(
    path: str | Path,
    /,
    *,
    delimiter: str | None = None,
    header: bool = True,
    encoding: str | None = None,
    sheet: str | None = None,
) -> Table:
    """Read a table from a file.

    Args:
        path: a delimited text file or JSON lines (also gzipped), an Excel workbook (.xlsx) or a
            Parquet file.
        delimiter: between cells; by default the one of `, ; tab |` that fits the first rows.
        header: whether the first row holds the names; else they are `column1`, `column2`, ...
        encoding: of the text; by default UTF-8, or what a byte order mark says.
        sheet: of a workbook; by default the first one that is not empty.

    Raises:
        UsageError: the file is missing, empty or no table; a name is there twice; a row has more
            or fewer cells than the first (its line is named); a package that reads it is missing.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror or error}; expected a CSV file"
        ) from error
    source = str(path)
    if content[:2] == b"\x1f\x8b":
        content = _unzipped(content, source)
    text = content[:4] not in (b"PK\x03\x04", b"PAR1")
    _refuse_options(source, text, {"delimiter": delimiter, "encoding": encoding}, "text")
    _refuse_options(source, content[:4] == b"PK\x03\x04", {"sheet": sheet}, "Excel workbooks")
    if content[:4] == b"PAR1":
        return _parquet(content, source)
    if not text:
        return _workbook(content, source, sheet, header=header)
    text_of_it = decoded(content, source, encoding)
    if text_of_it.lstrip()[:1] == "{":
        _refuse_options(source, False, {"delimiter": delimiter}, "delimited text")
        return parse_json_lines(text_of_it, source=source)
    return parse_table(text_of_it, source=source, delimiter=delimiter, header=header)


def _refuse_options(source: str, fits: bool, given: dict[str, Any], what: str) -> None:
    wrong = [key for key, value in given.items() if value is not None]
    if wrong and not fits:
        raise UsageError(f"{source}: {wrong[0]}= is for {what}, which this file is not")


def _unzipped(content: bytes, source: str) -> bytes:
    pieces, most = [], _most(content)
    try:
        with gzip.open(io.BytesIO(content)) as file:
            while piece := file.read(PIECE):
                pieces.append(piece)
                if (most := most - len(piece)) < 0:
                    raise _too_large(content, source)
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{source} is a damaged gzip file: {error}") from error
    return b"".join(pieces)


def _most(content: bytes) -> int:
    """How large a file may be that is packed into this."""
    return min(LARGEST, max(EASY, RATIO * len(content)))


def _too_large(content: bytes, source: str) -> UsageError:
    return UsageError(
        f"{source} unpacks to more than {_most(content) >> 20} MB; if it is right, unpack it first"
    )


def _workbook(content: bytes, source: str, sheet: str | None, *, header: bool) -> Table:
    """A sheet of an Excel workbook."""
    try:
        from openpyxl import load_workbook
    except ModuleNotFoundError as error:
        raise _lacking("openpyxl", source, "an Excel workbook") from error
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(item.file_size for item in packed.infolist()) > _most(content):
                raise _too_large(content, source)
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    except UsageError:
        raise
    except Exception as error:  # openpyxl raises whatever its parser meets
        raise UsageError(
            f"{source} is no Excel workbook that can be read: {first_line(error)}"
        ) from error
    names = [one.title for one in book.worksheets]
    if sheet is not None and sheet not in names:
        raise UsageError(f"{source} has no sheet {sheet!r}; expected one of {', '.join(names)}")
    for name in [sheet] if sheet is not None else names:
        rows = [list(map(as_cell, row)) for row in book[name].iter_rows(values_only=True)]
        lines = [number for number, row in enumerate(rows, start=1) if any(row)]
        if lines:
            filled = [rows[line - 1] for line in lines]
            width = max(max(i for i, cell in enumerate(row) if cell) for row in filled) + 1
            filled = [row[:width] + [""] * (width - len(row)) for row in filled]
            table = rectangular(source, lines, filled, header=header, unit="row")
            return table.told(f"sheet {name!r} of {len(names)}") if len(names) > 1 else table
    raise UsageError(f"{source} is empty; expected a header and rows")


def _parquet(content: bytes, source: str) -> Table:
    """All columns of a Parquet file."""
    try:
        from pyarrow import ArrowException, parquet
    except ModuleNotFoundError as error:
        raise _lacking("pyarrow", source, "a Parquet file") from error
    try:
        frame = parquet.read_table(io.BytesIO(content))
        header = list(map(str, frame.column_names))
        columns = [list(map(as_cell, column.to_pylist())) for column in frame.columns]
    except (ArrowException, OSError, ValueError, LookupError, MemoryError) as error:
        raise UsageError(
            f"{source} is no Parquet file that can be read: {first_line(error)}"
        ) from error
    rows = [header, *map(list, zip(*columns, strict=True))]
    return rectangular(source, list(range(len(rows))), rows, header=True, unit="row")


def _lacking(name: str, source: str, what: str) -> UsageError:
    return UsageError(
        f"{source} is {what}, which needs {name}: pip install 'cartograd[tables]', or save it as "
        "CSV"
    )
