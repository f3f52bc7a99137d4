"""The key-value cache: what a transformer has computed already, kept for the next tokens.

Each new token attends to all before it, whose keys and values do not change. They are written once
into preallocated memory, so that a step costs the work of its own tokens only and nothing is copied
as the text grows.

    keys[:, :, length : length + t] = k      attention then takes keys[:, :, : length + t]

In eight bits it takes a quarter of float32's memory and a scale for each head and token
(`rounded_keys`); floats are made of one layer's at a time, for its attention. In pages it takes
what the rows have, however unlike they are, and copies nothing where they begin alike (`paged`).

Shapes: keys and values of t new tokens `b h t d`, with h the heads of keys; all so far `b h s d`.

A model runs with and without one:

    positions = torch.arange(t) if cache is None else cache.positions(t)
    mask = None if cache is None else cache.mask(t)
    x = attention(x, causal=True, mask=mask, cache=None if cache is None else cache[number])

and its `decoder(rows, capacity, /, *, starts=None)` is `CachedDecoder(forward, Cache(...))`.

References:
    Noam Shazeer. Fast transformer decoding: one write-head is all you need. 2019.
    https://arxiv.org/abs/1911.02150

>>> import torch
>>> cache = Cache(layers=2, rows=1, heads=1, capacity=8, width=4)
>>> k, v = cache[0].append(torch.ones(1, 1, 3, 4), torch.zeros(1, 1, 3, 4))
>>> k, v = cache[0].append(torch.ones(1, 1, 1, 4), torch.zeros(1, 1, 1, 4))
>>> tuple(k.shape)
(1, 1, 4, 4)
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from cartograd.architectures.transformer.page_pool import Pages
from cartograd.architectures.transformer.paged import PagedLayer, PagedRows, check_room
from cartograd.architectures.transformer.rounded_keys import whole_numbers
from cartograd.core.errors import UsageError


class Layer:
    """Keys and values of one layer.

    Attributes:
        both: the heads of keys, and behind them those of values.
        scale: of each of their tokens, where they are whole numbers; else None.
        keys, values: views of them.
        length: how many tokens it holds.
    """

    __slots__ = ("both", "keys", "length", "scale", "values")

    def __init__(
        self, both: Shaped[Tensor, "b h s d"], scale: Float[Tensor, "b h s 1"] | None = None, /, *,
        length: int = 0,
    ):  # fmt: skip
        self.both, self.scale, self.length = both, scale, length
        self.keys, self.values = both.chunk(2, 1)

    def append(
        self, k: Float[Tensor, "b h t d"], v: Float[Tensor, "b h t d"], /
    ) -> tuple[Float[Tensor, "b h s d"], Float[Tensor, "b h s d"]]:
        """Append new keys and values; return all of them, as views or made floats again.

        Raises:
            UsageError: there is no room for them.
        """
        if self.scale is not None:
            k, v = self.joint(torch.cat([k, v], 1)).chunk(2, 1)
            return k, v
        start, end = self.room(k.shape[2])
        self.keys[:, :, start:end] = k
        self.values[:, :, start:end] = v
        return self.keys[:, :, :end], self.values[:, :, :end]

    def joint(self, new: Float[Tensor, "b h t d"], /) -> Float[Tensor, "b h s d"]:
        """Append new keys, and values behind them, as whole numbers; return all in floats."""
        assert self.scale is not None
        start, end = self.room(new.shape[2])
        scale = self.scale[:, :, :end]
        self.both[:, :, start:end], scale[:, :, start:] = whole_numbers(new)
        return self.both[:, :, :end].float().mul_(scale).to(new.dtype)

    def room(self, new: int, /) -> tuple[int, int]:
        """Where the next tokens go, from and to; they count as held from now on.

        Raises:
            UsageError: there is no room for them.
        """
        start, end = self.length, self.length + new
        check_room(end, self.both.shape[2])
        self.length = end
        return start, end


class Cache:
    """One `Layer` for each layer of a model.

    Args:
        layers, rows, heads: how many; `heads` are those of keys and values.
        capacity: greatest number of tokens of a row.
        width: features of one head.
        dtype, device: of the keys and values.
        starts: how many tokens at the left of each row are padding.

    Attributes:
        all: the keys and values of all layers, one tensor; empty where they are in pages.
        scale: of each head and token, where those are whole numbers; else None.
        paged: the pages of each row, where they are in pages; else None.
        ahead: by how much positions are ahead of places here (`streaming`).
    """

    def __init__(
        self,
        layers: int,
        rows: int,
        heads: int,
        capacity: int,
        width: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        *,
        starts: Int[Tensor, " b"] | None = None,
    ):
        if starts is not None and not starts.any():
            starts = None
        self.all = torch.zeros(layers, rows, 2 * heads, capacity, width, dtype=dtype, device=device)
        self.scale: Tensor | None = None
        self.paged: PagedRows | None = None
        self.layers: list[Layer] | list[PagedLayer] = self._layers(0)
        self.rows, self.capacity, self.ahead, self.device = rows, capacity, 0, self.all.device
        self.starts = None if starts is None else starts.to(device)

    def __getitem__(self, layer: int) -> Layer | PagedLayer:
        return self.layers[layer]

    def in_int8(self) -> None:
        """Keep what will be read as whole numbers of eight bits; nothing has been read yet."""
        assert self.length == 0
        sizes = *self.all.shape[:-1], 1
        self.scale = self.all.new_zeros(sizes, dtype=torch.float32)
        self.all = torch.zeros_like(self.all, dtype=torch.int8)
        self.layers = self._layers(0)

    def in_pages(self, *, in_int8: bool = False) -> None:
        """Keep what will be read in pages, in eight bits or as it is; nothing has been read yet."""
        assert self.length == 0
        assert self.scale is None
        layers, rows, heads, _, width = self.all.shape
        pages = Pages(layers, heads, width, self.all.dtype, self.all.device, in_int8=in_int8)
        starts = [0] * rows if self.starts is None else self.starts.tolist()
        self.paged = PagedRows(pages, starts, capacity=self.capacity)
        self.all, self.layers = self.all.new_empty(0), self.paged.layers

    @property
    def size(self) -> int:
        """Bytes of all keys and values that there is room for."""
        if self.paged is not None:
            return self.paged.pages.size
        return sum(part.nbytes for part in (self.all, self.scale) if part is not None)

    def hold(self, kept: Tensor, scale: Tensor | None, length: int, ahead: int, /) -> None:
        """Go on in other memory, of which so many tokens are there."""
        self.all, self.scale, self.capacity, self.ahead = kept, scale, kept.shape[3], ahead
        self.layers = self._layers(length)

    def _layers(self, length: int) -> list[Layer]:
        scales = [None] * len(self.all) if self.scale is None else self.scale
        return [
            Layer(both, scale, length=length) for both, scale in zip(self.all, scales, strict=True)
        ]

    @property
    def length(self) -> int:
        """How many tokens have been read, padding included."""
        return self.layers[0].length

    def positions(self, new: int, /) -> Int[Tensor, "..."]:
        """Positions of the next tokens: ` t`, or `b t` where rows have different padding.

        Padding gets position 0.
        """
        first = self.length + self.ahead
        places = torch.arange(first, first + new, device=self.device)
        if self.starts is None:
            return places
        return (places - self.starts[:, None]).clamp(min=0)

    def mask(self, new: int, /) -> Bool[Tensor, "b 1 1 s"] | None:
        """False at the padding, for the tokens read and `new` ones; None if there is none."""
        if self.starts is None:
            return None
        places = torch.arange(self.length + new, device=self.starts.device)
        return (places >= self.starts[:, None])[:, None, None]

    @torch.inference_mode(mode=False)
    def reorder(self, rows: Int[Tensor, " n"], /) -> None:
        """Keep these rows in this order; a row may be named several times, or not at all."""
        if len(rows) == self.rows and bool((rows.cpu() == torch.arange(self.rows)).all()):
            return
        length = self.length
        if self.paged is not None:
            self.paged.keep(rows.tolist())
        else:
            self.all = _reordered(self.all, rows, length)
            self.scale = None if self.scale is None else _reordered(self.scale, rows, length)
            self.layers = self._layers(length)
        self.rows = len(rows)
        if self.starts is not None:
            self.starts = self.starts[rows]

    def rewind(self, length: int, /) -> None:
        """Forget every token after the first `length`.

        Raises:
            UsageError: fewer have been read.
        """
        if not 0 <= length <= self.length:
            raise UsageError(f"cannot go back to {length} tokens: {self.length} have been read")
        if self.paged is not None:
            self.paged.rewind(length)
        for layer in self.layers:
            layer.length = length


def _reordered(kept: Tensor, rows: Tensor, length: int) -> Tensor:
    """These rows of what all layers keep, with room for as many tokens."""
    with torch.inference_mode(mode=kept.is_inference()):  # what is kept is written in place
        chosen = kept[:, :, :, :length].index_select(1, rows)
        if len(rows) > kept.shape[1]:
            layers, _, *rest = kept.shape
            kept = kept.new_zeros(layers, len(rows), *rest)
        kept = kept[:, : len(rows)]
        kept[:, :, :, :length] = chosen
        return kept


class CachedDecoder:
    """A decoder-only model with its cache: what `core.protocols.Decoder` asks for.

    Args:
        forward: from tokens, the cache and whether only the last logits are wanted to logits;
            it appends to the cache.
        cache: an empty one.
        moved: from keys of all layers and a number to the keys that many positions on, as
            `streaming` has to move them; None for a model whose positions cannot be moved.
    """

    def __init__(
        self, forward: Callable[[Tensor, Cache, bool], Tensor], cache: Cache,
        moved: Callable[[Tensor, int], Tensor] | None = None, /,
    ):  # fmt: skip
        self.forward, self.cache, self.moved = forward, cache, moved

    @property
    def length(self) -> int:
        """How many tokens have been read."""
        return self.cache.length

    @torch.inference_mode()
    def read(self, tokens: Int[Tensor, "b t"], /, *, last: bool = False) -> Float[Tensor, "b t2 v"]:
        """Logits after each of the new tokens, or after the last one only."""
        return self.forward(tokens, self.cache, last)

    def in_int8(self) -> None:
        """Keep what will be read in eight bits, before anything is."""
        self.cache.in_int8()

    def in_pages(self, *, in_int8: bool = False) -> None:
        """Keep what will be read in pages, before anything is."""
        self.cache.in_pages(in_int8=in_int8)

    def reorder(self, rows: Int[Tensor, " n"], /) -> None:
        """Keep these rows in this order."""
        self.cache.reorder(rows)

    def rewind(self, length: int, /) -> None:
        """Forget every token after the first `length`."""
        self.cache.rewind(length)


def check_length(length: int, context: int, /) -> None:
    """Refuse more tokens than a model reads.

    Raises:
        UsageError: there are more.
    """
    if length > context:
        raise UsageError(
            f"{length} tokens are more than this model's context of {context}; shorten the prompt "
            f"or ask for fewer new tokens"
        )
