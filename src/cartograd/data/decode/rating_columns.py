"""Which columns of a table say who rated what, how highly, and when: by their usual names."""

from collections.abc import Iterable
from dataclasses import dataclass

from cartograd.core.errors import UsageError
from cartograd.data.decode import dates
from cartograd.data.decode.columns import among, is_numeric
from cartograd.data.decode.encode import moments, numbers
from cartograd.data.decode.table import Table

NAMES = {
    "user": ("user", "userid", "uid", "username", "customer", "customerid", "reviewerid", "用户"),
    "item": (
        *("item", "itemid", "movie", "movieid", "film", "filmid", "product", "productid", "iid"),
        *("book", "bookid", "isbn", "asin", "song", "songid", "artist", "artistid", "物品", "电影"),
    ),
    "rating": (
        *("rating", "ratings", "stars", "score", "overall", "评分"),
        *("click", "clicks", "clicked", "isclick", "点击"),
    ),
    "time": ("timestamp", "time", "date", "datetime", "unixreviewtime", "ratedat", "时间"),
}
"""Usual names of each, in small letters and without marks between words."""


@dataclass(frozen=True)
class RatingColumns:
    """The names of the columns; `time` is empty where there is none."""

    user: str
    item: str
    rating: str
    time: str = ""

    @property
    def pair(self) -> tuple[str, str]:
        """Those of what is known before the rating is."""
        return self.user, self.item


def rating_columns(table: Table, /, **said: str) -> RatingColumns:
    """The columns of a table of ratings.

    Args:
        table: the rows.
        said: the column of `user`, `item`, `rating` and `time` where it was named; else empty.

    Raises:
        UsageError: one is not there, or several could be it.
    """
    found = {}
    for role, usual in NAMES.items():
        if said.get(role):
            table.column(said[role])
            found[role] = said[role]
            continue
        fitting = [name for name in table.header if _bare(name) in usual]
        fitting.sort(key=lambda name: usual.index(_bare(name)))
        if not fitting and role != "time":
            raise UsageError(
                f"{table.source} has no column of {role}s that is known by its name "
                f"({_listed(usual)}; there are {_listed(table.header)}); name it: {role}=NAME"
            )
        found[role] = fitting[0] if fitting else ""
    return RatingColumns(**found)


def times(table: Table, name: str, /) -> list[float]:
    """When each row was: numbers as they are, dates as days; all alike without a column.

    Raises:
        UsageError: a cell is neither, or missing; its line is named.
    """
    if not name:
        return [0.0] * len(table)
    cells = table.column(name)
    if is_numeric(cells):
        found = numbers(cells, name, table).tolist()
    else:
        order = dates.order(among(cells))
        if not order:
            raise UsageError(
                f"{table.source}: {name!r} holds neither numbers nor dates ({cells[0]!r}); name "
                "the column of times: time=NAME"
            )
        found = [
            float("nan") if one is None else one.days for one in moments(table, name, order, ())
        ]
    for row, one in enumerate(found):
        if one != one:
            raise UsageError(f"{table.where(row)}: the time {name!r} is missing; fill it in")
    return found


def _bare(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:6]) + (", ..." if len(shown) > 6 else "")
