"""A decoder that reads all over again where its rotary positions change with the length.

LongRoPE turns all keys of a text by other angles once it is longer than the texts of training. What
was cached before was turned, and attended to, by the old ones. So at that one token the text is
read from its beginning, and the answers are those of the whole.

Shapes: tokens `b t`; logits `b t v`.

References:
    Yiran Ding et al. LongRoPE: extending LLM context window beyond 2 million tokens. 2024.
    https://arxiv.org/abs/2402.13753
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.architectures.transformer.cache import CachedDecoder


class Rereading:
    """A decoder with its cache, made anew where the text gets longer than a length, or shorter.

    Args:
        inner: an empty one.
        context: up to which length angles are the usual ones.
    """

    def __init__(self, inner: CachedDecoder, context: int, /):
        self.inner, self.context = inner, context
        self.tokens: Tensor | None = None

    @property
    def length(self) -> int:
        """How many tokens have been read."""
        return self.inner.length

    def read(self, tokens: Int[Tensor, "b t"], /, *, last: bool = False) -> Float[Tensor, "b t2 v"]:
        """Logits after each of the new tokens, or after the last one only."""
        before, new = self.length, tokens.shape[1]
        self.tokens = tokens if self.tokens is None else torch.cat([self.tokens, tokens], 1)
        if not before or not before <= self.context < before + new:
            return self.inner.read(tokens, last=last)
        self.inner.rewind(0)
        return self.inner.read(self.tokens, last=last)[:, -new:]

    def in_int8(self) -> None:
        """Keep what will be read in eight bits, before anything is."""
        self.inner.in_int8()

    def in_pages(self, *, in_int8: bool = False) -> None:
        """Keep what will be read in pages, before anything is."""
        self.inner.in_pages(in_int8=in_int8)

    def reorder(self, rows: Int[Tensor, " n"], /) -> None:
        """Keep these rows in this order."""
        self.inner.reorder(rows)
        self.tokens = None if self.tokens is None else self.tokens[rows]

    def rewind(self, length: int, /) -> None:
        """Forget every token after the first `length`."""
        again = length <= self.context < self.length
        self.inner.rewind(0 if again else length)
        self.tokens = None if self.tokens is None else self.tokens[:, :length]
        if again and self.tokens is not None and length:
            self.inner.read(self.tokens, last=True)
