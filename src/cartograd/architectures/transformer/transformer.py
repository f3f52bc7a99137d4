"""Transformer: attention is all that an encoder-decoder needs.

A recurrent network reads a sentence word by word; here each position attends to all others at once,
so that nothing is far away and all positions are computed in parallel. The encoder's attention is
bidirectional; the decoder attends to its own earlier tokens and to the whole source.

    memory = encoder(E source sqrt(d) + positions)
    logits_t = decoder(E target_(<= t) sqrt(d) + positions, memory) E^T

Shapes: source `b s` and target `b t` (shifted right: the first token begins the answer) of numbers
of tokens, padded on the right; logits `b t v` of the target's next token.

Departures: none with order `post`. One vocabulary for both languages and for the scores, as in the
paper; the positions are interleaved, as printed there. With order `pre` both stacks end in a norm,
as they must. `EncoderDecoder` has the form of torch.nn.Transformer.

References:
    Ashish Vaswani et al. Attention is all you need. NeurIPS 2017.
    https://arxiv.org/abs/1706.03762

>>> with torch.device("meta"):
...     model = Transformer()
>>> sum(weight.numel() for weight in model.parameters())
63082496
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from cartograd.architectures.transformer.attention import MultiHeadAttention
from cartograd.architectures.transformer.block import Block
from cartograd.architectures.transformer.cross_decoder import CrossDecoder
from cartograd.architectures.transformer.feed_forward import FeedForward
from cartograd.architectures.transformer.positions import Positions
from cartograd.core.card import Card
from cartograd.training.normalization.layers import Rows, of_features
from cartograd.training.regularization.dropout import Dropout

CARD = Card(
    name="transformer",
    kind="model",
    entry="Transformer",
    nodes=("arch/transformer",),
    title="Transformer",
    zh="Transformer",
    paper="Attention is all you need",
    year=2017,
    url="https://arxiv.org/abs/1706.03762",
    proofs=(
        "oracle: torch.nn.Transformer with the same weights, both orders, padded: outputs and "
        "gradients to 1e-10 in float64",
        "law: what comes later in the target, and padding of the source, change nothing; a "
        "decoder's logits are those of the whole target, also after rows were reordered",
        "paper: 63,082,496 / 214,245,376 parameters (base and big, 37,000 tokens shared); "
        "44,140,544 in torch's form",
    ),
    evidence={
        "arch/transformer": (
            "test_counts",
            "test_equals_torchs",
            "acceptance:translation-spanish",
            "acceptance:translation-chinese",
        ),
    },
    tiny={
        "vocabulary": 11, "padding_id": 0, "dim": 8, "heads": 2, "depth": 2, "ffn_dim": 16,
        "dropout": 0.0,
    },
    objective="label-tokens",
    renamed={"inner": "ffn_dim"},
)  # fmt: skip

PRESETS = {
    "transformer-base": {},
    "transformer-big": {"dim": 1024, "heads": 16, "ffn_dim": 4096, "dropout": 0.3},
}


class Transformer(nn.Module):
    """The encoder-decoder of 2017.

    Args:
        vocabulary: size of the vocabulary, shared by both languages.
        padding_id: the padding token; its positions in the source are masked.
        dim: features of a position.
        heads: number of heads of each attention.
        depth: number of blocks of the encoder, and of the decoder.
        ffn_dim: hidden size of the feed-forward parts; four times `dim` if not given.
        order: norms after the parts (`post`, the paper) or before them (`pre`).
        norm: `layer`, `rms` or `none`.
        dropout: probability that a number is set to zero in training.
    """

    def __init__(
        self,
        *,
        vocabulary: int = 37_000,
        padding_id: int | None = None,
        dim: int = 512,
        heads: int = 8,
        depth: int = 6,
        ffn_dim: int | None = None,
        order: Literal["pre", "post"] = "post",
        norm: Rows = "layer",
        dropout: float = 0.1,
    ):
        super().__init__()
        self.padding_id, self.dropout = padding_id, Dropout(dropout=dropout)
        self.tokens = nn.Embedding(vocabulary, dim)
        nn.init.normal_(self.tokens.weight, std=dim**-0.5)
        self.positions = Positions(dim=dim)
        self.stacks = EncoderDecoder(
            dim=dim, heads=heads, depth=depth, ffn_dim=ffn_dim, order=order, norm=norm,
            dropout=dropout, ends=order == "pre",
        )  # fmt: skip

    def forward(
        self, source: Int[Tensor, "b s"], target: Int[Tensor, "b t"]
    ) -> Float[Tensor, "b t v"]:
        """Logits of the target's next token at each position."""
        mask = self._real(source)
        memory = self.stacks.encode(self._embedded(source), mask=mask)
        return self._scores(self.stacks.decode(self._embedded(target), memory, mask=mask))

    def decoder(self, source: Int[Tensor, "b s"], capacity: int, /) -> CrossDecoder:
        """A decoder of answers to sources, token by token (see `core.protocols`).

        Args:
            source: as for the model.
            capacity: greatest number of tokens of an answer.
        """
        with torch.inference_mode():
            mask = self._real(source)
            memory = self.stacks.encode(self._embedded(source), mask=mask)
            return CrossDecoder(
                self._advance, self._scores, self.stacks.decoder, memory, mask, capacity
            )

    def _advance(self, tokens: Tensor, state: CrossDecoder) -> Tensor:
        x = self._embedded(tokens, start=state.length)
        for number, block in enumerate(self.stacks.decoder):
            x = block(
                x, memory=state.pairs[number], memory_mask=state.mask, causal=True,
                cache=state.cache[number],
            )  # fmt: skip
        return self.stacks.decoder_norm(x)

    def _embedded(self, tokens: Tensor, start: int = 0) -> Tensor:
        places = torch.arange(start, start + tokens.shape[1], device=tokens.device)
        x = self.tokens(tokens) * math.sqrt(self.tokens.embedding_dim)
        x = x + self.positions(places).to(x.dtype)
        return self.dropout(x)

    def _real(self, source: Tensor) -> Tensor | None:
        return None if self.padding_id is None else (source != self.padding_id)[:, None, None]

    def _scores(self, x: Tensor) -> Tensor:
        return F.linear(x, self.tokens.weight)


class EncoderDecoder(nn.Module):
    """Two stacks of blocks, from vectors to vectors.

    Args:
        dim: features of a position.
        heads: number of heads of each attention.
        depth: number of blocks of each stack.
        ffn_dim: hidden size of the feed-forward parts; four times `dim` if not given.
        order: norms after the parts (`post`) or before them (`pre`).
        norm: `layer`, `rms` or `none`.
        dropout: probability that a number is set to zero in training.
        ends: whether each stack ends in a norm, as those of torch.nn.Transformer do.
    """

    def __init__(
        self,
        *,
        dim: int = 512,
        heads: int = 8,
        depth: int = 6,
        ffn_dim: int | None = None,
        order: Literal["pre", "post"] = "post",
        norm: Rows = "layer",
        dropout: float = 0.1,
        ends: bool = True,
    ):
        super().__init__()

        def attention() -> MultiHeadAttention:
            return MultiHeadAttention(dim=dim, heads=heads, dropout=dropout)

        def stack(*, crossed: bool) -> nn.ModuleList:
            return nn.ModuleList(
                Block(
                    attention=attention(),
                    feed_forward=FeedForward(dim=dim, ffn_dim=ffn_dim or 4 * dim, dropout=dropout),
                    cross=attention() if crossed else None,
                    order=order,
                    norm=norm,
                    dropout=dropout,
                )
                for _ in range(depth)
            )

        self.encoder, self.decoder = stack(crossed=False), stack(crossed=True)
        self.encoder_norm = of_features(dim, norm=norm if ends else None)
        self.decoder_norm = of_features(dim, norm=norm if ends else None)

    def forward(
        self,
        source: Float[Tensor, "b s d"],
        target: Float[Tensor, "b t d"],
        /,
        *,
        mask: Bool[Tensor, "b 1 1 s"] | None = None,
    ) -> Float[Tensor, "b t d"]:
        """The decoder's output for the target.

        Args:
            source: vectors of the source.
            target: vectors of the target.
            mask: False at the padding of the source.
        """
        return self.decode(target, self.encode(source, mask=mask), mask=mask)

    def encode(
        self, x: Float[Tensor, "b s d"], /, *, mask: Bool[Tensor, "b 1 1 s"] | None = None
    ) -> Float[Tensor, "b s d"]:
        """The encoder's output for the source."""
        for block in self.encoder:
            x = block(x, mask=mask)
        return self.encoder_norm(x)

    def decode(
        self,
        x: Float[Tensor, "b t d"],
        memory: Float[Tensor, "b s d"],
        /,
        *,
        mask: Bool[Tensor, "b 1 1 s"] | None = None,
    ) -> Float[Tensor, "b t d"]:
        """The decoder's output for the target, given the encoded source."""
        for block in self.decoder:
            x = block(x, memory=memory, memory_mask=mask, causal=True)
        return self.decoder_norm(x)
