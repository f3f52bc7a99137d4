"""BART: an encoder-decoder that is pretrained to mend damaged text.

Spans of a text are masked, its sentences shuffled, and the model writes the text as it was. The
encoder sees the whole as BERT does, the decoder writes from left to right as GPT does, so the same
weights serve summaries and, with a layer on the decoder's features, classes and answers in a text.

    x_0 = norm(tokens + positions),   x <- norm(x + part(x)),   logits = x_L E^T + b
    classify: x_L of the last `end_id`, tanh(x W + p) C + d     extract: x_L W + p of each token

Shapes: source `b s`, padded with `padding_id`, and target `b t`, which begins with `begin_id`;
logits `b t v` of the target's next token. The other heads read the source twice, by the encoder and
(shifted right behind `begin_id`) by the decoder: `b k` (classify), `b s 2` (extract) or `b s d`
(hidden).

Departures: none. Positions count from the left, padding included, as the authors' do.

References:
    Mike Lewis et al. BART: denoising sequence-to-sequence pre-training for natural language
    generation, translation, and comprehension. 2019, ACL 2020. https://arxiv.org/abs/1910.13461

>>> with torch.device("meta"):
...     model = BART()
>>> sum(weight.numel() for weight in model.parameters())
139420416
"""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.architectures.transformer.attention import MultiHeadAttention
from cartograd.architectures.transformer.block import Block
from cartograd.architectures.transformer.cache import check_length
from cartograd.architectures.transformer.cross_decoder import CrossDecoder
from cartograd.architectures.transformer.feed_forward import FeedForward
from cartograd.architectures.transformer.reading_twice import of_the_end, shifted
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.training.regularization.dropout import Dropout

CARD = Card(
    name="bart",
    kind="model",
    entry="BART",
    nodes=("seq2seq/encoder-decoder",),
    title="BART",
    zh="BART",
    paper="BART: denoising sequence-to-sequence pre-training for natural language generation, "
    "translation, and comprehension",
    year=2019,
    url="https://arxiv.org/abs/1910.13461",
    proofs=(
        "oracle: transformers' BART with every head, through its own files: logits, hidden states "
        "and gradients to 1e-10 in float64, one step of AdamW, greedy text and beams",
        "law: what comes later in the target changes nothing, nor does padding of the source at "
        "the right; a decoder's logits are those of the whole target",
        "paper: 139,420,416 / 406,291,456 parameters (base, large)",
    ),
    tiny={
        "vocabulary": 11, "padding_id": 1, "context": 16, "dim": 8, "heads": 2, "ffn_dim": 16,
        "depth": 2, "dropout": 0.0,
    },
    objective="label-tokens",
)  # fmt: skip

PRESETS = {
    "bart-base": {},
    "bart-large": {"dim": 1024, "heads": 16, "depth": 12},
}


class BART(nn.Module):
    """An encoder-decoder with learned positions.

    Args:
        vocabulary: size of the vocabulary.
        padding_id: the padding token; its positions in the source are masked.
        context: greatest number of positions.
        dim: features of a position.
        heads: number of heads of each attention.
        ffn_dim: hidden size of the feed-forward parts; four times `dim` if not given.
        depth: number of blocks of the encoder.
        decoder_depth: number of blocks of the decoder; `depth` if not given.
        head: the output: `translate` writes a text for a text; `classify`, `extract` (beginning
            and end of an answer) and `hidden` (the decoder's features) read one.
        classes: of the head `classify`.
        begin_id: the token that the decoder begins with.
        end_id: the token that ends a text, whose features are classified.
        dropout: probability that a number is set to zero in training.
    """

    def __init__(
        self,
        *,
        vocabulary: int = 50_265,
        padding_id: int | None = 1,
        context: int = 1024,
        dim: int = 768,
        heads: int = 12,
        ffn_dim: int | None = None,
        depth: int = 6,
        decoder_depth: int | None = None,
        head: Literal["translate", "classify", "extract", "hidden"] = "translate",
        classes: int = 2,
        begin_id: int = 2,
        end_id: int = 2,
        dropout: float = 0.1,
    ):
        super().__init__()
        self.padding_id, self.begin_id, self.end_id = padding_id, begin_id, end_id
        self.context, self.head, self.dropout = context, head, Dropout(dropout=dropout)
        self.tokens = nn.Embedding(vocabulary, dim, padding_id)  # which is read, and learns nothing

        def stack(count: int, *, crossed: bool) -> nn.ModuleList:
            def attention() -> MultiHeadAttention:
                return MultiHeadAttention(dim=dim, heads=heads)

            return nn.ModuleList(
                Block(
                    attention=attention(),
                    feed_forward=FeedForward(
                        dim=dim, ffn_dim=ffn_dim or 4 * dim, activation="gelu"
                    ),
                    cross=attention() if crossed else None,
                    order="post",
                    dropout=dropout,
                )
                for _ in range(count)
            )

        self.encoder = stack(depth, crossed=False)
        self.decoder_blocks = stack(decoder_depth or depth, crossed=True)
        self.encoder_positions, self.decoder_positions = (
            nn.Embedding(context + UNUSED, dim) for _ in range(2)
        )
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.pooler = nn.Linear(dim, dim) if head == "classify" else None
        answers = {"classify": classes, "extract": 2}.get(head)
        self.classifier = None if answers is None else nn.Linear(dim, answers)
        for weight in self.parameters():
            if weight.ndim == 2:
                nn.init.normal_(weight, std=0.02)
        self.bias: Tensor | None
        self.register_buffer("bias", torch.zeros(1, vocabulary) if head == "translate" else None)

    def forward(
        self, source: Int[Tensor, "b s"], target: Int[Tensor, "b t"] | None = None
    ) -> Float[Tensor, "b ..."]:
        """The output of the head.

        Args:
            source: the texts.
            target: of the head `translate` what is written so far.

        Raises:
            UsageError: more tokens than the context holds, or a target too many or too few.
        """
        if (target is None) == (self.head == "translate"):
            raise UsageError(
                f"bart: head={self.head!r} takes a source "
                f"{'and what is written so far' if target is None else 'alone'}"
            )
        given = shifted(source, self.begin_id) if target is None else target
        memory, mask = self.encode(source), self._real(source)
        x = self._embedded(given, self.decoder_positions, self.decoder_norm)
        for block in self.decoder_blocks:
            x = block(x, memory=memory, memory_mask=mask, causal=True)
        if target is not None:
            return self._scores(x)
        if self.classifier is None:
            return x
        if self.pooler is not None:
            x = self.dropout(of_the_end(x, source, self.end_id))
            x = self.dropout(torch.tanh(self.pooler(x)))
        return self.classifier(x)

    def encode(self, source: Int[Tensor, "b s"], /) -> Float[Tensor, "b s d"]:
        """The encoder's output for the source.

        Raises:
            UsageError: more tokens than the context holds.
        """
        x = self._embedded(source, self.encoder_positions, self.encoder_norm)
        mask = self._real(source)
        for block in self.encoder:
            x = block(x, mask=mask)
        return x

    def decoder(self, source: Int[Tensor, "b s"], capacity: int, /) -> CrossDecoder:
        """A decoder of answers to sources, token by token (see `core.protocols`).

        Args:
            source: as for the model.
            capacity: greatest number of tokens of an answer.
        """
        with torch.inference_mode():
            return CrossDecoder(
                self._advance, self._scores, self.decoder_blocks, self.encode(source),
                self._real(source), capacity,
            )  # fmt: skip

    def _advance(self, tokens: Tensor, state: CrossDecoder) -> Tensor:
        x = self._embedded(tokens, self.decoder_positions, self.decoder_norm, start=state.length)
        for number, block in enumerate(self.decoder_blocks):
            x = block(
                x, memory=state.pairs[number], memory_mask=state.mask, causal=True,
                cache=state.cache[number],
            )  # fmt: skip
        return x

    def _embedded(
        self, tokens: Tensor, positions: nn.Embedding, norm: nn.LayerNorm, *, start: int = 0
    ) -> Tensor:
        end = start + tokens.shape[1]
        check_length(end, self.context)
        x = self.tokens(tokens) + positions.weight[UNUSED + start : UNUSED + end]
        return self.dropout(norm(x))

    def _real(self, source: Tensor) -> Tensor | None:
        return None if self.padding_id is None else (source != self.padding_id)[:, None, None]

    def _scores(self, x: Tensor) -> Tensor:
        scores = F.linear(x, self.tokens.weight)
        return scores if self.bias is None else scores + self.bias


UNUSED = 2
"""Rows of the table of positions before that of the first one, which nothing reads."""
