"""Decoders whose rows come and go: a prompt is read beside the texts under way, and joins them.

Keys and values in pages are not moved for that (`InPages`). A model that keeps something else, or
reads a text anew where it gets long, has a decoder for each row (`OneEach`).

Shapes: prompts are lists of token ids; logits of one row `1 v`.

References:
    Gyeong-In Yu et al. Orca: a distributed serving system for Transformer-based generative models.
    OSDI 2022. https://www.usenix.org/conference/osdi22/presentation/yu

>>> from cartograd.architectures.transformer.llama import LLaMA
>>> model = LLaMA(vocabulary=11, dim=8, depth=1, heads=2, ffn_dim=12, context=64).eval()
>>> decoder = InPages(model.decoder(0, 16))
>>> tuple(decoder.admit([1, 2, 3], 4).shape), tuple(decoder.admit([5], 2).shape)
((1, 11), (1, 11))
>>> tuple(decoder.read(torch.tensor([[7], [8]])).shape), decoder.length
((2, 1, 11), 4)
"""

from collections.abc import Callable, Sequence
from copy import copy

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.architectures.transformer.cache import CachedDecoder
from cartograd.architectures.transformer.paged import PagedRows
from cartograd.core.errors import UsageError
from cartograd.core.inference import Joinable
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

    @torch.inference_mode()
    def admit(self, prompt: Sequence[int], length: int, own: int = -1, /) -> Float[Tensor, "1 v"]:
        """Read a prompt, whose row is the last from now on; the logits after it.

        Raises:
            UsageError: it is empty, there is no room, or it names an adapter.
        """
        cache, paged = self.inner.cache, self.paged
        check_prompt(prompt, length)
        if own >= 0:
            raise UsageError(f"adapter {own} is unknown; this decoder has none")
        needed = len(prompt) + length - 1
        if needed > paged.capacity:
            raise UsageError(
                f"a prompt of {len(prompt)} tokens and {length} new ones do not fit into a memory "
                f"of {paged.capacity}; shorten the prompt or ask for fewer new tokens"
            )
        beside = copy(cache)
        rows = PagedRows(paged.pages, [0], capacity=paged.capacity)
        beside.rows, beside.paged, beside.starts, beside.layers = 1, rows, None, rows.layers
        try:
            tokens = torch.tensor([list(prompt)], device=cache.device)
            logits = self.inner.forward(tokens, beside, True)[:, -1]
        except BaseException:
            rows.close()  # what was read of it is nobody's
            raise
        paged.join(rows)
        self._told()
        return logits

    def read(self, tokens: Int[Tensor, "b t"], /, *, last: bool = False) -> Float[Tensor, "b t2 v"]:
        """Logits after each of the new tokens, or after the last one only."""
        return self.inner.read(tokens, last=last)

    def reorder(self, rows: Int[Tensor, " n"], /) -> None:
        """Keep these rows in this order; the pages of others are free."""
        self.paged.keep(rows.tolist())
        self.paged.trim()
        self._told()

    def rewind(self, length: int, /) -> None:
        """Forget every token after the first `length`."""
        self.inner.rewind(length)

    @torch.inference_mode(mode=False)
    def _told(self) -> None:
        """Let the cache know of the rows that there are."""
        cache, paged = self.inner.cache, self.paged
        cache.rows = len(paged.starts)
        starts = torch.tensor(paged.starts, device=cache.device)
        cache.starts = starts if any(paged.starts) else None


class OneEach:
    """A decoder of its own for each row, for models that keep no pages.

    Args:
        begin: from how many tokens a row may get and the number of its adapter to its decoder.
    """

    def __init__(self, begin: Callable[[int, int], Decoder], /):
        self.begin = begin
        self.rows: list[Decoder] = []

    @property
    def length(self) -> int:
        """How many tokens the longest row has."""
        return max((row.length for row in self.rows), default=0)

    def admit(self, prompt: Sequence[int], length: int, own: int = -1, /) -> Float[Tensor, "1 v"]:
        """Read a prompt, whose row is the last from now on; the logits after it.

        Raises:
            UsageError: it is empty, or longer than the model reads.
        """
        check_prompt(prompt, length)
        row = self.begin(len(prompt) + length, own)
        logits = row.read(torch.tensor([list(prompt)]), last=True)[:, -1]
        self.rows.append(row)
        return logits

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
