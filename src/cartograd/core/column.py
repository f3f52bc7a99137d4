"""Columns: how the cells of a table become features."""

from dataclasses import dataclass
from typing import Any

from cartograd.core.errors import UsageError
from cartograd.core.fits import check_fields

DATE = 2 + 12 + 7
"""Features of a date: days, year, a month, a weekday."""


SEVERAL = "|"
"""Between the categories of a cell that names several."""

ENCODERS = ("", "hash", "minilm")
"""How free text becomes features; empty for columns that hold none."""


@dataclass(frozen=True)
class Column:
    """One column of a table and how its cells become features.

    A numeric cell is `(cell - mean) / std`; a missing one becomes 0 (the mean) and, where
    `indicator` is set, a further feature says that it was missing. A categorical cell is one
    feature per category; a missing or unseen one is all zeros. What a date becomes says
    `cartograd.data.decode.dates`, and free text `cartograd.data.decode.free_text`.

    Attributes:
        name: in the header.
        categories: the cells that are a category each; `None` for numbers and dates.
        mean: of the numbers, or of the dates' days since 1970, in training.
        std: of the same.
        indicator: whether a feature says that the cell was missing.
        decimal: the decimal mark of the numbers, `.` or `,`.
        dates: the order of the parts of a date: `ymd`, `dmy` or `mdy`; empty for no dates.
        clock: whether the hour of the dates is a feature.
        missing: further cells that stand for 'not known'.
        unit: of the numbers in training (a currency, `%`); empty where none was written.
        encoder: how free text becomes features, `hash` or `minilm`; empty for all else.
        features: how many it becomes; of a numbered column, how many categories a cell may name.
        numbered: whether a category is one feature, its number, for models that keep a row of
            weights for each (of users, of items); a missing or unseen one has the number after the
            last. With `features` a cell names several, `a|b|c`, of which the last ones count.
    """

    name: str
    categories: tuple[str, ...] | None = None
    mean: float = 0.0
    std: float = 1.0
    indicator: bool = False
    decimal: str = "."
    dates: str = ""
    clock: bool = False
    missing: tuple[str, ...] = ()
    unit: str = ""
    encoder: str = ""
    features: int = 0
    numbered: bool = False

    @property
    def numeric(self) -> bool:
        """Whether its cells are numbers."""
        return self.categories is None and not self.dates and not self.encoder

    def named(self, cell: str, /) -> list[str]:
        """The categories that a cell names: itself, or several."""
        if not (self.numbered and self.features):
            return [cell]
        return [part.strip() for part in cell.split(SEVERAL) if part.strip()][-self.features :]

    @property
    def width(self) -> int:
        """How many features this column becomes."""
        if self.categories is not None:
            return max(1, self.features) if self.numbered else len(self.categories)
        if self.encoder:
            return self.features
        own = DATE + self.clock if self.dates else 1
        return own + self.indicator


def column_of(data: Any, /) -> Column:
    """A column of the JSON of a signature.

    Raises:
        UsageError: the data does not describe one.
    """
    named = data.get("categories")
    own = None if named is None else tuple(named)
    column = Column(**data | {"categories": own, "missing": tuple(data.get("missing", ()))})
    check_fields(column, f"column {column.name!r}")
    if column.numbered and column.categories is None:
        raise UsageError(f"column {column.name!r} is numbered and has no categories to number")
    if column.decimal not in (".", ",") or column.dates not in ("", "ymd", "dmy", "mdy"):
        raise UsageError(f"column {column.name!r} has an unknown decimal mark or order of dates")
    counted = bool(column.encoder) or (column.numbered and column.features > 0)
    if column.encoder not in ENCODERS or counted != (column.features > 0):
        raise UsageError(
            f"column {column.name!r}: encoder={column.encoder!r} with {column.features} features; "
            f"expected one of {', '.join(filter(None, ENCODERS))} with at least 1"
        )
    return column
