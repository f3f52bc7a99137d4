"""Tables in memory: DataFrames of pandas or polars, tables of pyarrow, Datasets of Hugging Face.

They are told by what they can do, so none of these packages is needed here. Each cell becomes the
text that would stand for it in a file, and so the columns are understood by the same code as those
of files. Labels that a Dataset of Hugging Face numbers are called by their names.
"""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from cartograd.core.errors import UsageError
from cartograd.data.decode.table import Table, as_cell, rectangular

PART = "split"
"""The column that says from which part of several frames a row comes."""

FILES = ("Image", "Audio", "Video", "Pdf", "Nifti")
"""Columns of Hugging Face that are no cells of a table."""


@runtime_checkable
class Pandas(Protocol):
    """A DataFrame of pandas."""

    @property
    def columns(self) -> Any:
        """Its names, or its columns."""
        ...

    @property
    def index(self) -> Any:
        """Names of the rows."""
        ...

    @property
    def iloc(self) -> Any:
        """Cells by their place."""
        ...

    @property
    def dtypes(self) -> Any:
        """Types of the columns."""
        ...


@runtime_checkable
class Polars(Protocol):
    """A DataFrame of polars."""

    @property
    def columns(self) -> Any:
        """Its names, or its columns."""
        ...

    @property
    def get_columns(self) -> Any:
        """Its columns."""
        ...

    @property
    def iter_rows(self) -> Any:
        """Its rows."""
        ...


@runtime_checkable
class Arrow(Protocol):
    """A table of pyarrow."""

    @property
    def column_names(self) -> Any:
        """Its names."""
        ...

    @property
    def schema(self) -> Any:
        """Names and types."""
        ...

    @property
    def column(self) -> Any:
        """One of its columns."""
        ...


@runtime_checkable
class Hub(Protocol):
    """A Dataset of Hugging Face."""

    @property
    def column_names(self) -> Any:
        """Its names."""
        ...

    @property
    def features(self) -> Any:
        """What each column holds."""
        ...

    @property
    def with_format(self) -> Any:
        """The same with cells of another kind."""
        ...


Frame = Pandas | Polars | Arrow | Hub
"""A table in memory."""


@runtime_checkable
class Named(Protocol):
    """A feature of Hugging Face whose numbers have names."""

    @property
    def names(self) -> Any:
        """Names by number."""
        ...


@runtime_checkable
class Many(Protocol):
    """A feature of Hugging Face that holds any number of another."""

    @property
    def feature(self) -> Any:
        """What it holds."""
        ...


def is_frame(data: Any, /) -> bool:
    """Whether it is a table in memory, or a mapping of parts (`train`, ...) that are."""
    if isinstance(data, Mapping):
        return bool(data) and all(map(_is_frame, data.values()))
    return _is_frame(data)


def frame_table(data: Any, /) -> Table:
    """The cells of a table in memory; those of several parts with a column that says which.

    Args:
        data: what `is_frame` knows.

    Raises:
        UsageError: it has no columns, a name twice, columns of pictures or sounds, or parts with
            other columns.
    """
    if not isinstance(data, Mapping):
        header, columns = _columns(data)
        return _table(type(data).__name__, header, columns)
    parts = {str(name): _columns(part) for name, part in data.items()}
    header = next(iter(parts.values()))[0]
    other = [name for name, (own, _) in parts.items() if sorted(own) != sorted(header)]
    if other:
        lacks = sorted(set(header) ^ set(parts[other[0]][0]))
        raise UsageError(
            f"the part {other[0]!r} has other columns than {next(iter(parts))!r} ({lacks[0]!r} is "
            "in one of them); expected the same in all"
        )
    if PART in header:
        raise UsageError(
            f"the parts {', '.join(parts)} have a column {PART!r} of their own; rename it"
        )
    whole = [
        [cell for own, columns in parts.values() for cell in columns[own.index(name)]]
        for name in header
    ]
    of_part = [name for name, (_, columns) in parts.items() for _ in (columns or [[]])[0]]
    first = next(iter(data.values()))
    return _table(type(first).__name__, [*header, PART], [*whole, of_part])


def _is_frame(data: Any) -> bool:
    return isinstance(data, Frame)


def _columns(data: Any) -> tuple[list[str], list[list[str]]]:
    """The names, and the cells of each."""
    if isinstance(data, Pandas):
        taken = [data.iloc[:, place] for place in range(len(data.columns))]
        known = [column.astype(object).where(column.notna(), None) for column in taken]
        return list(map(str, data.columns)), [_cells(column.tolist()) for column in known]
    if isinstance(data, Polars):
        return list(data.columns), [_cells(column.to_list()) for column in data.get_columns()]
    header = list(data.column_names)
    if not isinstance(data, Hub):
        return header, [_cells(data.column(place).to_pylist()) for place in range(len(header))]
    features = data.features
    strange = [name for name in header if type(features[name]).__name__ in FILES]
    if strange:
        kind = type(features[strange[0]]).__name__
        raise UsageError(
            f"the column {strange[0]!r} is of {kind}, which is no cell of a table; leave it out "
            f"(remove_columns({strange[0]!r})), or write the files into folders"
        )
    plain = data.with_format(None)
    return header, [_cells(_named(features[name], list(plain[name]))) for name in header]


def _named(feature: Any, values: list[Any]) -> list[Any]:
    """Numbers of classes as the names that a feature of Hugging Face gives them."""
    if isinstance(feature, Many):
        return [value and _named(feature.feature, list(value)) for value in values]
    if not isinstance(feature, Named) or not feature.names:
        return values
    return [None if value is None or value < 0 else feature.names[value] for value in values]


def _cells(values: list[Any]) -> list[str]:
    """Values as they would stand in a file; lists as labels that hold together, `a;b`."""
    return [
        ";".join(map(as_cell, value)) if isinstance(value, list | tuple) else as_cell(value)
        for value in values
    ]


def _table(name: str, header: list[str], columns: list[list[str]]) -> Table:
    if not header or not columns[0]:
        raise UsageError(f"the {name} is empty; expected columns and rows")
    rows = [header, *map(list, zip(*columns, strict=True))]
    return rectangular(name, list(range(len(rows))), rows, header=True, unit="row")
