"""The key-value cache: what a transformer has computed already, kept for the next tokens.

Each new token attends to all before it, whose keys and values do not change. They are written once
into preallocated memory, so that a step costs the work of its own tokens only and nothing is copied
as the text grows.

    keys[:, :, length : length + t] = k      attention then takes keys[:, :, : length + t]

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
from jaxtyping import Bool, Float, Int
from torch import Tensor

from cartograd.core.errors import UsageError


class Layer:
    """Keys and values of one layer.

    Attributes:
        both: the heads of keys, and behind them those of values.
        keys, values: views of it.
        length: how many tokens it holds.
    """

    __slots__ = ("both", "keys", "length", "values")

    def __init__(self, both: Float[Tensor, "b h s d"], /, *, length: int = 0):
        self.both, self.length = both, length
        self.keys, self.values = both.chunk(2, 1)

    def append(
        self, k: Float[Tensor, "b h t d"], v: Float[Tensor, "b h t d"], /
    ) -> tuple[Float[Tensor, "b h s d"], Float[Tensor, "b h s d"]]:
        """Append new keys and values; return all of them, as views.

        Raises:
            UsageError: there is no room for them.
        """
        start, end = self.room(k.shape[2])
        self.keys[:, :, start:end] = k
        self.values[:, :, start:end] = v
        return self.keys[:, :, :end], self.values[:, :, :end]

    def room(self, new: int, /) -> tuple[int, int]:
        """Where the next tokens go, from and to; they count as held from now on.

        Raises:
            UsageError: there is no room for them.
        """
        start, end = self.length, self.length + new
        if end > self.both.shape[2]:
            raise UsageError(
                f"{end} tokens do not fit into a memory of {self.both.shape[2]}; shorten the "
                f"prompt or ask for fewer new tokens"
            )
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
        all: the keys and values of all layers, one tensor.
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
        self.layers = [Layer(both) for both in self.all]
        self.rows, self.capacity = rows, capacity
        self.starts = None if starts is None else starts.to(device)

    def __getitem__(self, layer: int) -> Layer:
        return self.layers[layer]

    @property
    def length(self) -> int:
        """How many tokens have been read, padding included."""
        return self.layers[0].length

    def positions(self, new: int, /) -> Int[Tensor, "..."]:
        """Positions of the next tokens: ` t`, or `b t` where rows have different padding.

        Padding gets position 0.
        """
        device = self.all.device
        places = torch.arange(self.length, self.length + new, device=device)
        if self.starts is None:
            return places
        return (places - self.starts[:, None]).clamp(min=0)

    def mask(self, new: int, /) -> Bool[Tensor, "b 1 1 s"] | None:
        """False at the padding, for the tokens read and `new` ones; None if there is none."""
        if self.starts is None:
            return None
        places = torch.arange(self.length + new, device=self.starts.device)
        return (places >= self.starts[:, None])[:, None, None]

    def reorder(self, rows: Int[Tensor, " n"], /) -> None:
        """Keep these rows in this order; a row may be named several times, or not at all."""
        if len(rows) == self.rows and bool((rows.cpu() == torch.arange(self.rows)).all()):
            return
        length = self.length
        chosen = self.all[:, :, :, :length].index_select(1, rows)
        if len(rows) > self.rows:
            layers, _, *rest = self.all.shape
            self.all = self.all.new_zeros(layers, len(rows), *rest)
        self.all = self.all[:, : len(rows)]
        self.all[:, :, :, :length] = chosen
        self.layers = [Layer(both, length=length) for both in self.all]
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
        for layer in self.layers:
            layer.length = length


class CachedDecoder:
    """A decoder-only model with its cache: what `core.protocols.Decoder` asks for.

    Args:
        forward: from tokens, the cache and whether only the last logits are wanted to logits;
            it appends to the cache.
        cache: an empty one.
    """

    def __init__(self, forward: Callable[[Tensor, Cache, bool], Tensor], cache: Cache, /):
        self.forward, self.cache = forward, cache

    @property
    def length(self) -> int:
        """How many tokens have been read."""
        return self.cache.length

    @torch.inference_mode()
    def read(self, tokens: Int[Tensor, "b t"], /, *, last: bool = False) -> Float[Tensor, "b t2 v"]:
        """Logits after each of the new tokens, or after the last one only."""
        return self.forward(tokens, self.cache, last)

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
