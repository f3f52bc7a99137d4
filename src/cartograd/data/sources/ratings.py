r"""Ratings: who rated what how highly, from a table of users, items and ratings.

The columns are found by their usual names (`userId`, `movie_id`, `stars`, `timestamp`, ...), or are
named. Users and items become numbers, one for each that the table has, for models that keep a row
of weights for each. The last rating of each user is for testing, the one before for validation, the
others are learned from, as a recommender meets them: it knows the past of everybody. Where there is
no time, a hash says which rating is the last. Who has fewer than three is learned from only.

`task=rank` asks which item a user likes next: of ratings of `liked` (4) and more each is an
example, the user its input and the item its right answer. Others are left out. With `history=20`
the last 20 items that the user took before are input, too, for models that read them: a cell of
the column `taken before` names them, `a|b|c`, the latest last.

`task=click` asks of each user and item whether it is taken (a rating of `liked` and more, or a 1 in
a column of clicks), which a model answers with a probability; a pair may be there several times.

`split=random` takes shares of all ratings instead, as most published figures do: those are lower
(better), as a user's later ratings help to tell the earlier ones.

Shapes: inputs `n 2`, the numbers of user and item; targets `n 1`, the ratings, or for clicks `n`,
0 and 1. To rank: inputs `n 1`, users, or `n 1+history`, with what they took, the latest first;
targets `n`, items.

References:
    Yehuda Koren, Robert Bell, Chris Volinsky. Matrix factorization techniques for recommender
    systems. IEEE Computer 42, 2009. https://doi.org/10.1109/MC.2009.263

>>> import pathlib, tempfile
>>> path = pathlib.Path(tempfile.mkdtemp()) / "stars.csv"
>>> rows = [f"u{i % 4},film {i // 4},{1 + i % 5},{i}" for i in range(40)]
>>> _ = path.write_text("\n".join(["user,movie,stars,time", *rows]))
>>> data = ratings(path)
>>> data, data.signature.sizes()
(ratings: 32 train, 4 valid, 4 test, {'classes': 1, 'features': 2, 'users': 4, 'items': 10})
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.column import SEVERAL, Column
from cartograd.core.errors import UsageError
from cartograd.core.files import digest
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.leave_last_out import before, leave_last_out
from cartograd.data.dataset.targets import natural
from cartograd.data.dataset.tensors import assemble
from cartograd.data.dataset.token_rows import parts
from cartograd.data.decode.encode import encode, numbers
from cartograd.data.decode.rating_columns import RatingColumns, rating_columns, times
from cartograd.data.decode.table import Table
from cartograd.data.decode.table_files import read_table

CARD = Card(
    name="ratings",
    kind="data",
    entry="ratings",
    title="Ratings of items by users",
    zh="用户对物品的评分",
    proofs=(
        "law: the last rating of each user by time is tested on, the one before is for validation, "
        "in whatever order the rows stand",
        "law: clicks are the ratings of four and more, or the ones of a column of zeros and ones",
    ),
)

BEFORE = "taken before"
"""The column of a history."""

LIKED = 4.0
"""From which rating on an item counts as liked; of clicks, which are 0 and 1, it is 1."""

CLICKS = ("not taken", "taken")


def ratings(
    path: str | Path,
    /,
    *,
    user: str = "",
    item: str = "",
    rating: str = "",
    time: str = "",
    title: str = "",
    task: Literal["regress", "rank", "click"] = "regress",
    liked: float | None = None,
    history: int = 0,
    split: Literal["last", "random"] = "last",
    valid: float = 0.1,
    test: float = 0.1,
) -> Dataset:
    """Ratings from a file.

    Args:
        path: delimited text (CSV, TSV, also gzipped), JSON lines, .xlsx or Parquet.
        user: the column that says who rated; found by its name if not given.
        item: the column that says what was rated.
        rating: the column of the ratings, numbers.
        time: the column of times or dates; without one a hash says which rating is the last.
        title: the column of the items' names, for answers; `title` is found.
        task: `regress` tells ratings, `rank` which item is liked next, `click` whether one is.
        liked: from which rating on an item counts as liked; 4 by default, or 1 where none is more.
        history: how many items that were taken before are known of each example, to rank.
        split: `last` tests on the last rating of each user, `random` on a share of all.
        valid: share of a random split for validation.
        test: share of a random split for testing.

    Raises:
        UsageError: the file is no table, lacks a column, or has one user or one item only; a rating
            is no number; a user has rated an item twice; all are clicks, or none. The line is
            named. Or a history is asked for where it would name what is tested on, or where ratings
            are told.
    """
    if history and (task != "rank" or split != "last"):
        raise UsageError(
            f"history={history} is for task=rank and split=last: a rating is told from its user "
            "and item, and of a random split a history names what is tested on"
        )
    table = read_table(path)
    named = rating_columns(table, user=user, item=item, rating=rating, time=time)
    values = numbers(table.column(named.rating), named.rating, table)
    _check(table, named, [cell != cell for cell in values.tolist()], again=task == "click")
    columns = tuple(_numbered(table, name) for name in (named.user, named.item))
    names = _titles(table, named.item, title, columns[1])
    whole_table = f"{len(table):,} ratings of {values.min():g} to {values.max():g}"
    liked = (LIKED if values.max() > 1 else 1.0) if liked is None else liked
    if task == "rank":
        kept = [row for row, value in enumerate(values.tolist()) if value >= liked]
        table, values = table.select(kept), values[kept]
        if not kept:
            raise UsageError(f"{table.source}: no rating is {liked:g} or more; give a lower liked=")
    inputs = encode(table, columns)
    keys = ["\x1f".join(pair) for pair in zip(*map(table.column, named.pair), strict=True)]
    users, asked = inputs[:, 0].long().tolist(), columns[:1]
    when = times(table, named.time) if split == "last" else []
    if split == "last":
        chosen, told = leave_last_out(users, when, keys, table.source)
        told += f" (by {named.time})" if named.time else " (no times: the last by a hash)"
    else:
        chosen = parts(keys, valid=valid, test=test)
        told = "split at random: published figures of such splits are lower than those of last ones"
    port = Port("pair", "table", (2,), columns=columns)
    output = Port(named.rating, "value", (1,), task="regress")
    targets = torch.from_numpy(values).float()[:, None]
    if task == "click":
        output = Port(named.rating, "label", (2,), labels=CLICKS, task="classify")
        targets = (targets[:, 0] >= liked).long()
        _check_clicks(table.source, targets, liked)
    if task == "rank":
        if history:
            past = before(users, when, keys, history)
            table = _remembered(table, past, table.column(named.item))
            asked = (*asked, replace(columns[1], name=BEFORE, features=history))
        port = Port("user", "table", (1 + history,), columns=asked)
        output = Port(named.item, "value", (len(names),), labels=names, task="rank")
        inputs, targets = encode(table, asked), inputs[:, 1].long()
    lines = [f"{table.unit} {line}" for line in table.lines]
    cells = table.columns([column.name for column in port.columns])
    whole = Split(inputs, targets, Signature((port,), (output,)), lines, table=cells)
    decided = [
        *table.notes,
        f"{whole_table} by "
        f"{len(columns[0].categories or ()):,} users of {len(columns[1].categories or ()):,} items "
        f"(columns {', '.join(filter(None, (*named.pair, named.rating, named.time)))})",
        told,
    ]
    if task != "regress":
        taken = int((values >= liked).sum())
        decided.append(f"{taken:,} of them are {liked:g} or more and count as taken (a click)")
    splits = {part: whole.select(rows) for part, rows in chosen.items()}
    about = {"source": table.source, "sha256": digest(table.source), "decided": decided}
    return assemble("ratings", splits, about=about)


def _check_clicks(source: str, taken: Tensor, liked: float) -> None:
    """Refuse a table of clicks alone, or without any."""
    if len(taken.unique()) < 2:
        which = "every" if taken.any() else "no"
        raise UsageError(
            f"{source}: {which} rating is {liked:g} or more; what is clicked is told from what is "
            "not, so give another liked=, or rows of both kinds"
        )


def _remembered(table: Table, past: list[list[int]], items: list[str]) -> Table:
    """The table, with what was taken before each row in a further column.

    Raises:
        UsageError: there is such a column already, or an item's name has the mark between them.
    """
    if BEFORE in table.header:
        raise UsageError(f"{table.source} has a column {BEFORE!r} already; rename it for history=")
    if odd := next((item for item in items if SEVERAL in item), None):
        raise UsageError(
            f"{table.source}: the item {odd!r} has a {SEVERAL!r} in it, which stands between items "
            "of a history; rename it"
        )
    cells = [SEVERAL.join(items[at] for at in rows) for rows in past]
    rows = [[*row, cell] for row, cell in zip(table.rows, cells, strict=True)]
    return replace(table, header=(*table.header, BEFORE), rows=rows)


def _numbered(table: Table, name: str) -> Column:
    """A column whose cells are a number each, in their natural order."""
    cells = sorted(set(table.column(name)), key=natural)
    return Column(name, tuple(cells), numbered=True)


def _titles(table: Table, item: str, title: str, column: Column) -> tuple[str, ...]:
    """What items are called: by a column of titles where there is one; no two alike."""
    found = title or next((name for name in table.header if name.casefold() == "title"), item)
    named = dict(zip(table.column(item), table.column(found), strict=True))
    own = Counter(named.values())
    return tuple(
        named[cell] if named[cell] and own[named[cell]] == 1 else f"{named[cell]} ({cell})".strip()
        for cell in column.categories or ()
    )


def _check(table: Table, named: RatingColumns, gaps: list[bool], *, again: bool) -> None:
    """Refuse cells that are missing, too few users or items, and pairs that are there twice.

    Unless they may be there again, as what is shown twice may be clicked once.
    """
    if True in gaps:
        raise UsageError(
            f"{table.where(gaps.index(True))}: the rating {named.rating!r} is missing; fill it in, "
            "or leave the row out"
        )
    seen: dict[tuple[str, ...], int] = {}
    for row, pair in enumerate(zip(*map(table.column, named.pair), strict=True)):
        for name, cell in zip(named.pair, pair, strict=True):
            if not cell:
                raise UsageError(f"{table.where(row)}: {name!r} is empty; say which it is")
        if pair in seen and not again:
            raise UsageError(
                f"{table.where(row)}: {named.user} {pair[0]} rates {named.item} {pair[1]} again, "
                f"after {table.unit} {table.lines[seen[pair]]}; keep one of the two"
            )
        seen[pair] = row
    for name, number in zip(named.pair, range(2), strict=True):
        if len({pair[number] for pair in seen}) < 2:
            raise UsageError(
                f"{table.source}: all ratings are of one {name} "
                f"({next(iter(seen))[number] if seen else 'none'}); expected several to learn from"
            )
