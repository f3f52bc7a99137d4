"""The features of a table example, back as the cells they were made from."""

from jaxtyping import Float
from torch import Tensor

from cartograd.apps import units
from cartograd.core.ports import Column, Port


def cells(
    port: Port, rows: Float[Tensor, "n d"], /, *, most: int = 8
) -> tuple[list[str], list[list[str]]]:
    """Names and values of the first columns.

    Args:
        port: of kind `table`, or `vector`, whose numbers are their own cells.
        rows: encoded features, as the model takes them.
        most: how many columns.

    Returns:
        The columns' names, and for each row the cells as text.
    """
    flat = rows.flatten(1)
    columns = port.columns or tuple(Column(str(i)) for i in range(flat.shape[1]))
    spans = list(zip(columns, starts(columns), strict=True))[:most]
    names = [column.name for column, _ in spans]
    return names, [[_cell(column, row[at:]) for column, at in spans] for row in flat]


def starts(columns: tuple[Column, ...], /) -> list[int]:
    """The first feature of each column.

    >>> starts((Column("age"), Column("sex", categories=("f", "m")), Column("pay")))
    [0, 1, 3]
    """
    found = [0]
    for column in columns[:-1]:
        found.append(found[-1] + column.width)
    return found


def _cell(column: Column, features: Tensor) -> str:
    if column.categories is None:
        missing = column.indicator and float(features[1]) > 0.5
        return "missing" if missing else units.number(float(features[0]) * column.std + column.mean)
    at = int(features[: column.width].argmax())
    return column.categories[at] if float(features[at]) > 0.5 else "other"
