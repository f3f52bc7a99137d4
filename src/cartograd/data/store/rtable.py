"""A data frame out of an R package's lazy-load database, as CSV text; R itself is not needed.

`NAME.rdx` is a compressed index from names to (offset, length) in `NAME.rdb`. A record there is
a big-endian length, then zlib data; or a letter, `2` for bzip2 and `Z` for raw LZMA2, and the data.
"""

import bz2
import csv
import gzip
import io
import lzma
import warnings
import zlib
from pathlib import Path
from typing import Any


def table_csv(path: Path, name: str, /) -> str:
    """One data frame of the database at `path` (its `.rdb` file), as CSV text.

    Raises:
        ImportError: the `rdata` package is not installed.
        KeyError, ValueError: the database does not hold it, or is damaged.
    """
    index = _object(_unpacked(path.with_suffix(".rdx").read_bytes()))["variables"]
    offset, length = (int(number) for number in index[name])
    frame = _object(_record(path.read_bytes()[offset : offset + length]))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows([_cell(value) for value in row] for row in frame.itertuples(index=False))
    return out.getvalue()


def _object(data: bytes) -> Any:
    """An R object as Python has it."""
    import rdata

    with warnings.catch_warnings():  # classes of tibble are read as what they derive from
        warnings.simplefilter("ignore")
        return rdata.conversion.convert(rdata.parser.parse_data(data))


def _unpacked(data: bytes) -> bytes:
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else zlib.decompress(data)


def _record(data: bytes) -> bytes:
    kind, body = data[4:5], data[5:]
    if kind == b"2":
        return bz2.decompress(body)
    if kind == b"Z":
        filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 26}]
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters).decompress(body)
    return zlib.decompress(data[4:])


def _cell(value: Any) -> str:
    """Numbers in their shortest form; nothing for a missing one."""
    if str(value) in ("None", "nan", "<NA>"):  # pandas' NA has no truth value to ask for
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(float(value))
    return str(value)
