"""How a table writes the columns that a model knows: not always as the one it learned from did.

A column is read as in the training as long as all of its known cells can be. Where they cannot, and
another decimal mark or order of day and month fits more of them, and nearly all, the file is
written that way as a whole: cell by cell `1,234` would be 1234 beside `0,942`, an error. What was
decided is said.
"""

from dataclasses import replace

from cartograd.core.errors import UsageError
from cartograd.core.ports import Column
from cartograd.data.decode import dates
from cartograd.data.decode.numeric import decimals, missing, number, unit
from cartograd.data.decode.table import Table


def as_written(
    table: Table, columns: tuple[Column, ...], /
) -> tuple[tuple[Column, ...], list[str]]:
    """The columns as a table writes them, and a line on each that differs or could.

    Args:
        table: the rows; columns that it lacks stay as they are.
        columns: as in the training.

    Raises:
        UsageError: numbers have another unit than in the training.
    """
    found, told = [], []
    for column in columns:
        cells = table.column(column.name) if column.name in table.header else []
        known = [cell for cell in cells if not missing(cell, column.missing)]
        read = column
        if column.dates:
            read = _dates(column, known)
        elif column.numeric:
            read = _numbers(column, known)
        found.append(read)
        told += _told(table, column, read, known)
    return tuple(found), told


def _numbers(column: Column, cells: list[str]) -> Column:
    if all(number(cell, column.decimal) for cell in cells):
        return column
    style = decimals(cells)
    return column if column.decimal in style or not style else replace(column, decimal=style)


def _dates(column: Column, cells: list[str]) -> Column:
    if all(dates.moment(cell, column.dates) for cell in cells):
        return column
    fitting = dates.orders(cells)
    return column if column.dates in fitting or not fitting else replace(column, dates=fitting[0])


def _told(table: Table, column: Column, read: Column, cells: list[str]) -> list[str]:
    if read.dates != column.dates:
        return [
            f"{table.source}: the dates of {column.name!r} are written as {read.dates} "
            f"({cells[0]!r}), where the training had {column.dates}; read as such"
        ]
    if not column.numeric:
        return []
    told = [_unit_told(table, column, cell) for cell in _other_unit(column, read, cells)]
    other = "," if column.decimal == "." else "."
    if read.decimal != column.decimal:
        cell = next(cell for cell in cells if not number(cell, column.decimal))
        return [
            *told,
            f"{table.source}: {column.name!r} has decimal marks {read.decimal!r} ({cell!r}), where "
            f"the training had {column.decimal!r}; read as such",
        ]
    for cell in cells if len(decimals(cells)) > 1 else ():
        one, two = number(cell, column.decimal), number(cell, other)
        if one and two and abs(one[0]) > abs(two[0]):
            return [
                *told,
                f"{table.source}: {column.name!r}: {cell!r} is read as {one[0]:g}, by the decimal "
                f"mark {column.decimal!r} of the training",
            ]
    return told


def _other_unit(column: Column, read: Column, cells: list[str]) -> list[str]:
    """The first number that is not 0, if it has another unit than in the training."""
    found = ((cell, number(cell, read.decimal)) for cell in cells)
    first = next(((cell, one[1]) for cell, one in found if one and one[0]), None)
    return [first[0]] if first and first[1] != column.unit else []


def _unit_told(table: Table, column: Column, cell: str) -> str:
    """A line on a number without its unit, or with one.

    Raises:
        UsageError: the training had another unit.
    """
    found = unit([cell], column.decimal) or unit([cell], "," if column.decimal == "." else ".")
    if found and column.unit:
        raise UsageError(
            f"{table.source}: {cell!r} in the column {column.name!r} has another unit than "
            f"{column.unit!r}, which the training had; convert the column to that"
        )
    had = f"{column.unit!r} in the training" if column.unit else "no unit in the training"
    return f"{table.source}: {column.name!r} is written as {cell!r}, and had {had}; read as it is"
