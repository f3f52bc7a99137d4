"""A pool of pages for the keys and values of all layers, which rows of tokens take and give back.

It counts for each page how many rows point to it: what several share is copied for the one that
writes to it, and what nobody points to is taken again.

Shapes: keys, and behind them values, of one layer in all slots `n h d`.

References:
    Woosuk Kwon et al. Efficient memory management for large language model serving with
    PagedAttention. SOSP 2023. https://arxiv.org/abs/2309.06180

>>> pages = Pages(2, 2, 4, torch.float32, "cpu", in_int8=False)
>>> taken = pages.take(3)
>>> pages.drop(taken[:1])
>>> pages.used
2
"""

from collections.abc import Sequence

import torch

PAGE = 16
"""Tokens of a page."""

GROWTH = 0.25
"""By which share of itself the pool grows at least."""


class Pages:
    """The pages of all layers, and how many rows use each.

    Args:
        layers, heads, width: how many layers; heads of keys and of values together; features of
            one.
        dtype, device: of what attention takes.
        in_int8: keep whole numbers of eight bits and a step for each head and token.

    Attributes:
        kept, steps: of each layer, all slots; no steps where numbers are not rounded.
        uses: of each page, how many rows point to it. The first is padding's and nobody's.
    """

    def __init__(
        self, layers: int, heads: int, width: int, dtype: torch.dtype,
        device: torch.device | str, /, *, in_int8: bool,
    ):  # fmt: skip
        self.dtype, self.device = dtype, torch.device(device)
        form = torch.int8 if in_int8 else dtype
        self.kept = [
            torch.zeros(PAGE, heads, width, dtype=form, device=device) for _ in range(layers)
        ]
        self.steps = [
            torch.zeros(PAGE, heads, 1, device=device) for _ in range(layers if in_int8 else 0)
        ]
        self.uses, self._free = [1], list[int]()

    @property
    def used(self) -> int:
        """Pages that some row points to."""
        return len(self.uses) - 1 - len(self._free)

    @property
    def size(self) -> int:
        """Bytes of all pages, used or not."""
        return sum(part.nbytes for part in (*self.kept, *self.steps))

    def take(self, count: int, /) -> list[int]:
        """Pages that nobody uses, neighbours where there are such."""
        if count > len(self._free):
            self._grow(count - len(self._free))
        taken = [self._free.pop() for _ in range(count)]
        for page in taken:
            self.uses[page] = 1
        return taken

    def share(self, pages: Sequence[int], /) -> None:
        """Another row points to these pages."""
        for page in pages:
            self.uses[page] += 1

    def drop(self, pages: Sequence[int], /) -> None:
        """A row points to these pages no longer."""
        for page in reversed(pages):
            self.uses[page] -= 1
            if not self.uses[page]:
                self._free.append(page)

    @torch.inference_mode()
    def own(self, page: int, /) -> int:
        """A copy of a page, for one of the rows that point to it."""
        (copy,) = self.take(1)
        self.uses[page] -= 1
        for part in (*self.kept, *self.steps):
            part[copy * PAGE :][:PAGE] = part[page * PAGE :][:PAGE]
        return copy

    @torch.inference_mode(mode=False)
    def _grow(self, count: int) -> None:
        """More pages; one layer at a time is twice in memory meanwhile."""
        before = len(self.uses)
        more = max(count, int(GROWTH * before))
        for parts in (self.kept, self.steps):
            for number, old in enumerate(parts):
                new = old.new_empty((before + more) * PAGE, *old.shape[1:])
                new[: len(old)] = old
                parts[number] = new
        self.uses += [0] * more
        self._free = sorted([*self._free, *range(before, before + more)], reverse=True)
