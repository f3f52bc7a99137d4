"""Decoders with cross-attention: their cache, and the source's keys and values computed once."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from cartograd.architectures.transformer.attention import Pair
from cartograd.architectures.transformer.block import Block
from cartograd.architectures.transformer.cache import Cache


class CrossDecoder:
    """An encoder-decoder in the middle of an answer: what `core.protocols.Decoder` asks for.

    Args:
        forward: from tokens and this decoder to features after each; it appends to `cache`.
        scores: from features to logits.
        blocks: of the decoder, each with attention to the source.
        source: the encoded source, `b s d`.
        mask: False at the padding of the source.
        capacity: greatest number of tokens of an answer.
    """

    def __init__(
        self,
        forward: Callable[[Tensor, "CrossDecoder"], Tensor],
        scores: Callable[[Tensor], Tensor],
        blocks: nn.ModuleList,
        source: Float[Tensor, "b s d"],
        mask: Bool[Tensor, "b 1 1 s"] | None,
        capacity: int,
        /,
    ):
        self.forward, self.scores, self.mask = forward, scores, mask
        self.pairs: list[Pair] = []
        for block in blocks:
            assert isinstance(block, Block)
            assert block.cross is not None
            self.pairs.append(block.cross.remembered(source))
        k, v = self.pairs[0]  # attention to the own answer has the same heads
        self.cache = Cache(
            len(blocks), len(source), k.shape[1], capacity, v.shape[3], source.dtype, source.device
        )

    @property
    def length(self) -> int:
        """How many tokens have been read."""
        return self.cache.length

    @torch.inference_mode()
    def read(self, tokens: Int[Tensor, "b t"], /, *, last: bool = False) -> Float[Tensor, "b t2 v"]:
        """Logits after each of the new tokens, or after the last one only."""
        x = self.forward(tokens, self)
        return self.scores(x[:, -1:] if last else x)

    @torch.inference_mode()
    def reorder(self, rows: Int[Tensor, " n"], /) -> None:
        """Keep these rows in this order, with their sources."""
        before = self.cache.rows
        self.cache.reorder(rows)
        if len(rows) == before and bool((rows.cpu() == torch.arange(before)).all()):
            return
        self.pairs = [(k.index_select(0, rows), v.index_select(0, rows)) for k, v in self.pairs]
        self.mask = None if self.mask is None else self.mask.index_select(0, rows)

    def rewind(self, length: int, /) -> None:
        """Forget every token after the first `length`."""
        self.cache.rewind(length)
