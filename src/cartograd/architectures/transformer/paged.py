"""Pages of keys and values: rows of unlike length share one memory, and what they have in common.

A table for each row says in which pages its tokens lie, as an operating system does for processes.
Padding takes no page, a page that no row needs is used again, and the rows of a search, or of
several answers to one prompt, point to the same pages until one of them writes there.

    place j of a row that begins at s:   page = table[(j - s) // n],   slot = n page + (j - s) % n

Attention takes one layer's tokens side by side, so they are gathered for it, padding from a page
that nothing is ever read from; a row alone whose pages are neighbours is read where it lies.

Shapes: keys, and behind them values, of one layer in all slots `n h d`; of rows `b h s d`.

Departures: the paper's kernel reads the pages themselves; without one, a step holds a padded copy
of one layer.

References:
    Woosuk Kwon et al. Efficient memory management for large language model serving with
    PagedAttention. SOSP 2023. https://arxiv.org/abs/2309.06180

>>> import torch
>>> pages = Pages(1, 2, 4, torch.float32, "cpu", in_int8=False)
>>> rows = PagedRows(pages, [0, 20], capacity=64)
>>> both = rows.layers[0].joint(torch.ones(2, 2, 40, 4))
>>> both.shape, pages.used
(torch.Size([2, 2, 40, 4]), 5)
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.architectures.transformer.page_pool import PAGE, Pages
from cartograd.architectures.transformer.rounded_keys import whole_numbers
from cartograd.core.errors import UsageError


class PagedRows:
    """Rows of tokens in a pool of pages: their tables, and one `PagedLayer` for each layer.

    Args:
        pages: the pool, which other rows may share.
        starts: at which place each row begins; padding is before it.
        capacity: most tokens of a row.
    """

    def __init__(self, pages: Pages, starts: Sequence[int], /, *, capacity: int):
        self.pages, self.starts, self.capacity = pages, list(starts), capacity
        self.tables: list[list[int]] = [[] for _ in starts]
        self.slots = torch.zeros(len(starts), 0, dtype=torch.int64, device=pages.device)
        self.layers = [PagedLayer(self, number) for number in range(len(pages.kept))]
        self._found: tuple[int, slice | Tensor] | None = None

    def close(self) -> None:
        """Give all pages back."""
        for table in self.tables:
            self.pages.drop(table)
        self.tables = []

    @property
    def length(self) -> int:
        """Places that have pages, padding counted in."""
        return self.slots.shape[1]

    @torch.inference_mode(mode=False)
    def reach(self, end: int, /) -> None:
        """Have a slot to write to for each place up to `end`.

        Raises:
            UsageError: there is no room for so many.
        """
        start, rows = self.length, range(len(self.starts))
        if end <= start:
            return
        check_room(end - min(self.starts), self.capacity)
        for row in rows:
            self._take(row, start, end)
        new = [self._slots(row, start, end) for row in rows]
        self.slots = torch.cat([self.slots, self._tensor(new)], 1)

    def read(self, end: int, /) -> slice | Int[Tensor, " n"]:
        """The slots of all places before `end`, row after row."""
        if self._found is None or self._found[0] != end:
            self._found = end, self._read(end)
        return self._found[1]

    @torch.inference_mode(mode=False)
    def keep(self, rows: Sequence[int], /) -> None:
        """Keep these rows in this order; a row may be named several times, or not at all."""
        chosen = [list(self.tables[row]) for row in rows]
        for table in chosen:
            self.pages.share(table)
        self.close()
        self.tables, self.starts = chosen, [self.starts[row] for row in rows]
        self.slots = self.slots[torch.tensor(rows, dtype=torch.int64, device=self.slots.device)]
        self._found = None

    def rewind(self, length: int, /) -> None:
        """Forget every place from `length` on, and drop the pages that only these need."""
        for start, table in zip(self.starts, self.tables, strict=True):
            needed = _pages(length - start)
            self.pages.drop(table[needed:])
            del table[needed:]
        self.slots, self._found = self.slots[:, :length], None

    @torch.inference_mode(mode=False)
    def join(self, other: "PagedRows", /) -> None:
        """Take in the rows of another over the same pages; all end at the same place then."""
        end = max(self.length, other.length)
        self._shift(end - self.length)
        other._shift(end - other.length)
        self.starts, self.tables = self.starts + other.starts, self.tables + other.tables
        self.slots, self._found = torch.cat([self.slots, other.slots]), None
        other.tables = []

    def trim(self) -> None:
        """Leave out places at the left that are padding in all rows."""
        self._shift(-min(self.starts, default=self.length))

    @torch.inference_mode(mode=False)
    def _shift(self, by: int) -> None:
        """Have so many more places of padding at the left of all rows, or fewer."""
        self.starts = [start + by for start in self.starts]
        self.slots = torch.nn.functional.pad(self.slots, (by, 0))
        self._found = None
        for layer in self.layers:
            layer.length = self.length

    def _take(self, row: int, start: int, end: int) -> None:
        """Give a row the pages that it needs, none of which another row sees change."""
        table, begin = self.tables[row], self.starts[row]
        at, needed = max(0, start - begin) // PAGE, _pages(end - begin)
        if needed and at < len(table) and self.pages.uses[table[at]] > 1:
            table[at] = self.pages.own(table[at])
            first = begin + at * PAGE
            self.slots[row, first:start] = self._tensor([self._slots(row, first, start)])[0]
        table.extend(self.pages.take(max(0, needed - len(table))))

    def _slots(self, row: int, start: int, end: int) -> list[int]:
        """The slots of places from `start` to `end` of a row; 0 at padding."""
        table, begin = self.tables[row], self.starts[row]
        return [
            table[(place - begin) // PAGE] * PAGE + (place - begin) % PAGE if place >= begin else 0
            for place in range(start, end)
        ]

    def _tensor(self, rows: list[list[int]]) -> Tensor:
        return torch.tensor(rows, dtype=torch.int64, device=self.slots.device)

    def _read(self, end: int) -> slice | Tensor:
        if len(self.tables) == 1 and not self.starts[0]:
            table = self.tables[0]
            if table and table == list(range(table[0], table[0] + len(table))):
                return slice(table[0] * PAGE, table[0] * PAGE + end)
        return self.slots[:, :end].reshape(-1)


class PagedLayer:
    """Keys and values of one layer of some rows; it does what `cache.Layer` does.

    Attributes:
        length: how many tokens it holds, padding counted in.
    """

    __slots__ = ("length", "number", "rows")

    def __init__(self, rows: PagedRows, number: int, /):
        self.rows, self.number, self.length = rows, number, 0

    def append(
        self, k: Float[Tensor, "b h t d"], v: Float[Tensor, "b h t d"], /
    ) -> tuple[Float[Tensor, "b h s d"], Float[Tensor, "b h s d"]]:
        """Append new keys and values; return all of them in floats."""
        k, v = self.joint(torch.cat([k, v], 1)).chunk(2, 1)
        return k, v

    def joint(self, new: Float[Tensor, "b h t d"], /) -> Float[Tensor, "b h s d"]:
        """Append new keys, and values behind them; return all in floats."""
        pages, number, start = self.rows.pages, self.number, self.length
        end = start + new.shape[2]
        self.rows.reach(end)
        self.length = end
        slots, kept = self.rows.slots[:, start:end].reshape(-1), pages.kept[number]
        each = new.transpose(1, 2).flatten(0, 1)  # n h d
        if not pages.steps:
            kept.index_copy_(0, slots, each)
            return new if not start else self._shaped(_chosen(kept, self.rows.read(end)), new)
        each, step = whole_numbers(each)
        kept.index_copy_(0, slots, each.to(torch.int8))
        pages.steps[number].index_copy_(0, slots, step)
        every = self.rows.read(end)
        found = _chosen(kept, every).float().mul_(_chosen(pages.steps[number], every))
        return self._shaped(found.to(new.dtype), new)

    def _shaped(self, found: Tensor, new: Tensor) -> Tensor:
        return found.unflatten(0, (len(new), -1)).transpose(1, 2)


def _chosen(kept: Tensor, places: slice | Tensor) -> Tensor:
    """The slots, in their order, as a view where they are neighbours."""
    if isinstance(places, slice):
        return kept[places]
    return kept.flatten(1).index_select(0, places).view(-1, *kept.shape[1:])


def _pages(tokens: int) -> int:
    return -(-max(0, tokens) // PAGE)


def check_room(end: int, capacity: int, /) -> None:
    """Refuse more tokens than there is room for.

    Raises:
        UsageError: there are more.
    """
    if end > capacity:
        raise UsageError(
            f"{end} tokens do not fit into a memory of {capacity}; shorten the prompt or ask for "
            "fewer new tokens"
        )
