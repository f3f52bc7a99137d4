"""Decoders whose rows come and go: a prompt is read beside the texts under way, and joins them.

Keys and values in pages are not moved for that (`InPages`), and several texts of one prompt read it
once. A model that keeps something else, or reads a text anew where it gets long, has a decoder for
each row (`OneEach`). Either reads a prompt in pieces, between which the others go on.

Shapes: prompts are lists of token ids; logits of one row `1 v`.

References:
    Gyeong-In Yu et al. Orca: a distributed serving system for Transformer-based generative models.
    OSDI 2022. https://www.usenix.org/conference/osdi22/presentation/yu

>>> from cartograd.architectures.transformer.llama import LLaMA
>>> model = LLaMA(vocabulary=11, dim=8, depth=1, heads=2, ffn_dim=12, context=64).eval()
>>> decoder = InPages(model.decoder(0, 16))
>>> one, two = decoder.begin([1, 2, 3], 4), decoder.begin([5], 2, -1, 2)
>>> one.read(2), one.left, one.read(2), two.read(9)
(None, 1, None, None)
>>> tuple(one.join().shape), tuple(two.join().shape)
((1, 11), (2, 11))
>>> tuple(decoder.read(torch.tensor([[7], [8], [9]])).shape), decoder.length
((3, 1, 11), 4)
"""

from collections.abc import Callable, Sequence
from copy import copy

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.architectures.transformer.cache import CachedDecoder
from cartograd.architectures.transformer.paged import PagedRows
from cartograd.core.errors import UsageError
from cartograd.core.inference import Beginning, Joinable
from cartograd.core.protocols import Decoder


class InPages:
    """A decoder over pages, to which texts come and from which they go.

    Args:
        decoder: of no rows, with room for the longest prompt and its text; from now on in pages.

    Raises:
        UsageError: it holds texts already.
    """

    def __init__(self, decoder: CachedDecoder, /):
        if decoder.cache.rows or decoder.length:
            raise UsageError("the decoder holds texts already; expected one of no rows")
        if decoder.cache.paged is None:
            decoder.in_pages()
        self.inner = decoder

    @property
    def length(self) -> int:
        """How many tokens have been read, padding included."""
        return self.inner.length

    @property
    def paged(self) -> PagedRows:
        """The rows and their pages."""
        paged = self.inner.cache.paged
        assert paged is not None
        return paged

    def begin(
        self, prompt: Sequence[int], length: int, own: int = -1, count: int = 1, /
    ) -> Beginning:
        """Begin to read a prompt into pages of its own, which its texts share from then on.

        Raises:
            UsageError: it is empty, there is no room, or it names an adapter.
        """
        check_prompt(prompt, length)
        if own >= 0:
            raise UsageError(f"adapter {own} is unknown; this decoder has none")
        needed, capacity = len(prompt) + length - 1, self.paged.capacity
        if needed > capacity:
            raise UsageError(
                f"a prompt of {len(prompt)} tokens and {length} new ones do not fit into a memory "
                f"of {capacity}; shorten the prompt or ask for fewer new tokens"
            )
        return _IntoPages(self, prompt, count)

    def read(self, tokens: Int[Tensor, "b t"], /, *, last: bool = False) -> Float[Tensor, "b t2 v"]:
        """Logits after each of the new tokens, or after the last one only."""
        return self.inner.read(tokens, last=last)

    def reorder(self, rows: Int[Tensor, " n"], /) -> None:
        """Keep these rows in this order; the pages of others are free."""
        self.paged.keep(rows.tolist())
        self.paged.trim()
        self.told()

    def rewind(self, length: int, /) -> None:
        """Forget every token after the first `length`."""
        self.inner.rewind(length)

    @torch.inference_mode(mode=False)
    def told(self) -> None:
        """Let the cache know of the rows that there are."""
        cache, paged = self.inner.cache, self.paged
        cache.rows = len(paged.starts)
        starts = torch.tensor(paged.starts, device=cache.device)
        cache.starts = starts if any(paged.starts) else None


class _IntoPages:
    """A prompt that is read into pages (`core.inference.Beginning`)."""

    def __init__(self, whole: InPages, prompt: Sequence[int], count: int, /):
        self.whole, self.prompt, self.count = whole, list(prompt), count
        pages, capacity = whole.paged.pages, whole.paged.capacity
        self.rows = PagedRows(pages, [0], capacity=capacity)
        self.rows.reach(len(prompt))  # all at once: neighbours are read where they lie
        self.cache, self.left = copy(whole.inner.cache), len(prompt)
        self.cache.rows, self.cache.paged, self.cache.starts = 1, self.rows, None
        self.cache.layers = self.rows.layers
        self.logits = torch.empty(0)

    @torch.inference_mode()
    def read(self, most: int, /) -> None:
        """Read so many more tokens at most."""
        first = len(self.prompt) - self.left
        piece = torch.tensor([self.prompt[first : first + most]], device=self.cache.device)
        self.logits = self.whole.inner.forward(piece, self.cache, True)[:, -1]
        self.left -= piece.shape[1]

    def join(self) -> Float[Tensor, "n v"]:
        """Have its texts be the last rows from now on; the logits after the prompt, of each."""
        if self.count > 1:
            self.rows.keep([0] * self.count)
        self.whole.paged.join(self.rows)
        self.whole.told()
        return self.logits.repeat(self.count, 1)

    def close(self) -> None:
        """Give back what was read of it, unless its texts have joined."""
        self.rows.close()


class OneEach:
    """A decoder of its own for each row, for models that keep no pages.

    Args:
        made: from how many tokens a row may get and the number of its adapter to its decoder.
    """

    def __init__(self, made: Callable[[int, int], Decoder], /):
        self.made = made
        self.rows: list[Decoder] = []

    @property
    def length(self) -> int:
        """How many tokens the longest row has."""
        return max((row.length for row in self.rows), default=0)

    def begin(
        self, prompt: Sequence[int], length: int, own: int = -1, count: int = 1, /
    ) -> Beginning:
        """Begin to read a prompt, anew for each of its texts.

        Raises:
            UsageError: it is empty, or longer than the model reads.
        """
        check_prompt(prompt, length)
        rows = [self.made(len(prompt) + length, own) for _ in range(count)]
        return _IntoEach(self, prompt, rows)

    def read(self, tokens: Int[Tensor, "b t"], /, *, last: bool = False) -> Float[Tensor, "b t2 v"]:
        """Logits after each of the new tokens, or after the last one only."""
        pairs = zip(self.rows, tokens, strict=True)
        return torch.cat([row.read(own[None], last=last) for row, own in pairs])

    def reorder(self, rows: Int[Tensor, " n"], /) -> None:
        """Keep these rows in this order, each once."""
        self.rows = [self.rows[row] for row in rows.tolist()]

    def rewind(self, length: int, /) -> None:
        """Rows are of unlike length here, so none can go back together.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"cannot go back to {length} tokens: each text has a decoder of its own")


class _IntoEach:
    """A prompt that the decoder of each of its texts reads (`core.inference.Beginning`)."""

    def __init__(self, whole: OneEach, prompt: Sequence[int], rows: list[Decoder], /):
        self.whole, self.prompt, self.rows = whole, list(prompt), rows
        self.left, self.logits = len(prompt) * len(rows), list[Tensor]()

    def read(self, most: int, /) -> None:
        """Read so many more tokens at most, those of one text."""
        row, first = divmod(len(self.prompt) * len(self.rows) - self.left, len(self.prompt))
        piece = torch.tensor([self.prompt[first : first + most]])
        logits = self.rows[row].read(piece, last=True)[:, -1]
        self.left -= piece.shape[1]
        if first + piece.shape[1] == len(self.prompt):
            self.logits.append(logits)

    def join(self) -> Float[Tensor, "n v"]:
        """Have its texts be the last rows from now on; the logits after the prompt, of each."""
        self.whole.rows += self.rows
        return torch.cat(self.logits)

    def close(self) -> None:
        """Nothing is kept of it elsewhere."""


def joined(decoder: Decoder, /) -> Decoder:
    """The decoder as one that texts join (`core.inference.Joinable`).

    Raises:
        UsageError: it can be none, or holds texts already.
    """
    if (found := in_pages(decoder)) is not None:
        return found
    if isinstance(decoder, Joinable):
        return decoder
    raise UsageError(
        f"a {type(decoder).__name__} takes no further text beside others; expected a model "
        "whose keys and values can lie in pages (llama, gpt, decoder)"
    )


def in_pages(decoder: Decoder, /) -> InPages | None:
    """The decoder over pages; None where it keeps none, or reads texts anew where they get long.

    Raises:
        UsageError: it holds texts already.
    """
    return InPages(decoder) if isinstance(decoder, CachedDecoder) else None


def check_prompt(prompt: Sequence[int], length: int, /) -> None:
    """Refuse a prompt of nothing, or a text.

    Raises:
        UsageError: one of them has no token.
    """
    if not prompt or length < 1:
        raise UsageError("a prompt is empty, or its text; expected at least one token of each")
