"""Streaming: a text without an end is read in bounded memory, by its first tokens and its last.

Trained attention spends what it has no use for on the first tokens of a text. A window that has
lost these breaks down; with a few of them kept beside it, as attention sinks, a model goes on for
millions of tokens. Positions are those within what is kept, so that none is beyond training.

    kept at token t: 0 ... sinks - 1  and  t - window + 1 ... t
    position of t: min(t, sinks + window - 1),   those of the window before it,   sinks at 0, 1, ...

Only differences of rotary positions count. So the window keeps the keys that it has, positions run
on, and the few sinks are turned to stand right before it: memory that runs through a longer store,
whose end sends the window back to the beginning once in `slack` tokens.

Shapes: tokens `b t`; logits `b t v`; keys and values of all layers `l b h s d`.

Departures: a text longer than `sinks + window` is read token by token from there on, so that what
a token sees does not depend on how the text is cut into pieces.

References:
    Guangxuan Xiao et al. Efficient streaming language models with attention sinks. 2023, ICLR 2024.
    https://arxiv.org/abs/2309.17453

>>> from cartograd.architectures.transformer.llama import LLaMA
>>> model = LLaMA(vocabulary=11, dim=8, depth=1, heads=2, ffn_dim=12, context=64)
>>> stream = streaming(model.decoder(1, 24), sinks=2, window=14)
>>> stream.read(torch.ones(1, 100, dtype=torch.long), last=True).shape, stream.length
(torch.Size([1, 1, 11]), 100)
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.architectures.transformer.cache import Cache, CachedDecoder
from cartograd.architectures.transformer.rounded_keys import whole_numbers
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Decoder

CARD = Card(
    name="streaming",
    kind="decoding",
    entry="streaming",
    nodes=("llm/long-context",),
    title="Streaming with attention sinks",
    zh="带注意力汇聚点的流式解码",
    paper="Efficient Streaming Language Models with Attention Sinks",
    year=2023,
    url="https://arxiv.org/abs/2309.17453",
    proofs=(
        "law: logits are those of the whole text with everything computed anew under the mask of "
        "sinks and window, with positions within what is kept, to 1e-5 (angles are float32)",
        "law: pieces do not matter, and memory is that of sinks, window and slack however long the "
        "text is",
    ),
    evidence={
        "llm/long-context": (
            "test_equals_the_whole_computed_anew",
            "test_memory_is_bounded_and_pieces_do_not_matter",
        ),
    },
    tiny={"sinks": 2, "window": 4},
)


def room_for(sinks: int, window: int, context: int | None, /) -> int:
    """Tokens that a decoder is asked to have room for: what is kept, and slack for half a window.

    Raises:
        UsageError: as many as the model reads, or more; or there is no window.
    """
    if sinks < 0 or window < 1:
        raise UsageError(f"sinks={sinks} and window={window}; expected at least 0 and at least 1")
    kept = sinks + window
    if context is not None and kept >= context:
        raise UsageError(
            f"sinks={sinks} and window={window} keep {kept} tokens and the model's context is "
            f"{context}; expected fewer, such as window={max(context // 2, 1)}"
        )
    room = kept + max(window // 2, 1)
    return room if context is None else min(room, context)


def streaming(decoder: Decoder, /, *, sinks: int = 4, window: int) -> "Streaming":
    """A decoder that reads on for ever, in the memory that it has.

    Args:
        decoder: has read nothing yet, and has room for more than sinks and window (`room_for`).
        sinks: first tokens of the text that stay; 0 for a window alone, which breaks down.
        window: last tokens that stay, the newest among them.

    Raises:
        UsageError: the model's positions cannot be moved, rows are padded, or there is no room.
    """
    room_for(sinks, window, None)
    if not isinstance(decoder, CachedDecoder) or decoder.moved is None:
        raise UsageError(
            "this model's positions cannot be moved, so that it reads no endless text; a window is "
            "for models with rotary positions that do not follow the length (llama, decoder)"
        )
    if decoder.cache.paged is not None:
        raise UsageError("an endless text is kept in bounded memory already; leave the pages out")
    if decoder.cache.starts is not None:
        raise UsageError("a row with padding has no first tokens to keep; stream each row alone")
    if decoder.cache.capacity <= sinks + window:
        raise UsageError(
            f"room for {decoder.cache.capacity} tokens is too little to keep {sinks} + {window}; "
            f"expected at least {sinks + window + 1}"
        )
    return Streaming(decoder, decoder.moved, sinks, window)


class Streaming:
    """Sinks and window of an endless text (`core.protocols.Decoder`), made by `streaming`."""

    def __init__(
        self, inner: CachedDecoder, moved: Callable[[Tensor, int], Tensor], sinks: int,
        window: int, /,
    ):  # fmt: skip
        self.inner, self.moved = inner, moved
        self.sinks, self.most = sinks, sinks + window
        self.store, self.scale = inner.cache.all, inner.cache.scale
        self.first: Tensor | None = None
        self.offset = self.gone = 0
        self._show(0, 0)

    @property
    def length(self) -> int:
        """How many tokens have been read, those that were let go included."""
        return self.gone + self.cache.length

    @property
    def cache(self) -> Cache:
        """What is kept now."""
        return self.inner.cache

    @property
    def size(self) -> int:
        """Bytes of all keys and values that there is room for."""
        return sum(part.nbytes for part in (self.store, self.scale) if part is not None)

    @torch.inference_mode()
    def read(self, tokens: Int[Tensor, "b t"], /, *, last: bool = False) -> Float[Tensor, "b t2 v"]:
        """Logits after each of the new tokens, or after the last one only."""
        free = self.most - self.cache.length
        pieces = [tokens[:, :free], *tokens[:, free:].split(1, 1)]
        found = list[Tensor]()
        for piece in pieces:
            if piece.shape[1] == 0:
                continue
            if self.cache.length == self.most:
                self._let_go()
            logits = self.inner.read(piece, last=last)
            found = [logits] if last else [*found, logits]
        return found[0] if len(found) == 1 else torch.cat(found, 1)

    def reorder(self, rows: Int[Tensor, " n"], /) -> None:
        """Keep these rows in this order."""
        length = self.cache.length
        self.cache.hold(self.store, self.scale, self.offset + length, 0)
        self.cache.reorder(rows)
        self.store, self.scale = self.cache.all, self.cache.scale
        self.first = None if self.first is None else self.first[:, rows]
        self._show(self.offset, length)

    def rewind(self, length: int, /) -> None:
        """Forget every token after the first `length`.

        Raises:
            UsageError: some token was let go already, which would have to come back.
        """
        if self.gone:
            raise UsageError(
                f"cannot go back to {length} tokens: {self.gone} of {self.length} were let go"
            )
        self.cache.rewind(length)

    def _show(self, offset: int, length: int) -> None:
        """Let the model see a part of the store, of which so many tokens are there."""
        self.offset, end = offset, offset + self.most
        scale = None if self.scale is None else self.scale[..., offset:end, :]
        self.cache.hold(self.store[..., offset:end, :], scale, length, offset)

    def _let_go(self) -> None:
        """Make room for one token: the oldest of the window goes, and the sinks step after it."""
        sinks, end = self.sinks, self.offset + self.most
        if self.first is None:
            self.first = self._floats(0, sinks).clone()
        offset = self.offset + 1
        if end == self.store.shape[3]:
            self._write(sinks, self._turned(self._floats(offset + sinks, end), -offset))
            offset = 0
        self._write(offset, self._turned(self.first, offset))
        self.gone += 1
        self._show(offset, self.most - 1)

    def _turned(self, both: Tensor, by: int) -> Tensor:
        keys, values = both.chunk(2, 2)
        return torch.cat([self.moved(keys, by), values], 2)

    def _floats(self, start: int, end: int) -> Tensor:
        part = self.store[..., start:end, :]
        return part if self.scale is None else part * self.scale[..., start:end, :]

    def _write(self, start: int, both: Tensor) -> None:
        end = start + both.shape[3]
        if self.scale is None:
            self.store[..., start:end, :] = both
        else:
            self.store[..., start:end, :], self.scale[..., start:end, :] = whole_numbers(both)
