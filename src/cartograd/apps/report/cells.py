"""The features of a table example, back as the cells they were made from."""

from jaxtyping import Shaped
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.core.column import SEVERAL
from cartograd.core.ports import Column, Port
from cartograd.data.dataset.dataset import Examples, Split
from cartograd.data.decode import dates
from cartograd.data.decode.numeric import marked

Cell = float | str | None

HALF_SECOND = 0.5 / 86400
"""In days: features are float32, and a day's first moment must not become the day before."""


def decoded(port: Port, rows: Shaped[Tensor, "n ..."], /) -> list[dict[str, Cell]]:
    """Each row's cells by column: a number, a date, a category, or `None` where it is missing.

    A category that the model does not know cannot be told from a missing one here, and free text
    cannot be told at all; `cells_of` can.

    Args:
        port: of kind `table`; or `vector`, whose numbers are their own cells.
        rows: encoded features, as the model takes them.
    """
    flat = rows.flatten(1)
    columns = port.columns or tuple(Column(str(i)) for i in range(flat.shape[1]))
    spans = list(zip(columns, starts(columns), strict=True))
    return [
        {column.name: _cell(column, row[at : at + column.width]) for column, at in spans}
        for row in flat.double().cpu()
    ]


def cells_of(split: Examples, /) -> list[dict[str, Cell]]:
    """The cells of each example of a table; where they were kept, unknown categories as they stand.

    Args:
        split: examples of a table, or of vectors.
    """
    rows = decoded(split.signature.input, split.select(range(len(split))).inputs)
    table = split.table if isinstance(split, Split) else None
    if table is None:
        return rows
    for column in split.signature.input.columns:
        for row, cell in zip(rows, table.column(column.name), strict=True):
            if row[column.name] is None and (column.categories is not None or column.encoder):
                row[column.name] = None if marked(cell, column.missing) else cell or None
    return rows


def starts(columns: tuple[Column, ...], /) -> list[int]:
    """The first feature of each column.

    >>> starts((Column("age"), Column("sex", categories=("f", "m")), Column("pay")))
    [0, 1, 3]
    """
    found = [0]
    for column in columns[:-1]:
        found.append(found[-1] + column.width)
    return found


def shown(cell: Cell, /) -> str:
    """A cell as text for a reader."""
    if cell is None:
        return "missing"
    return cell if isinstance(cell, str) else units.number(cell)


def _cell(column: Column, features: Tensor) -> Cell:
    if column.encoder:
        return None  # it cannot be read back from its features
    if column.categories is None:
        missing = column.indicator and float(features[-1]) > 0.5
        value = float(features[0]) * column.std + column.mean
        return None if missing else dates.shown(value + HALF_SECOND) if column.dates else value
    if column.numbered:
        found = [int(at) for at in features if at < len(column.categories)][::-1]
        return SEVERAL.join(column.categories[at] for at in found) or None
    at = int(features.argmax())
    return column.categories[at] if float(features[at]) > 0.5 else None
