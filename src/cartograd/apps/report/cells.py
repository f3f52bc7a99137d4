"""The features of a table example, back as the cells they were made from."""

from jaxtyping import Shaped
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.core.ports import Column, Port

Cell = float | str | None


def decoded(port: Port, rows: Shaped[Tensor, "n d"], /) -> list[dict[str, Cell]]:
    """Each row's cells by column: a number, a category, or `None` where it is missing or unseen.

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
    if column.categories is None:
        missing = column.indicator and float(features[1]) > 0.5
        return None if missing else float(features[0]) * column.std + column.mean
    at = int(features.argmax())
    return column.categories[at] if float(features[at]) > 0.5 else None
