"""T5: every task is text to text.

Translate, summarise, classify: each is written as text, read by the encoder and answered by the
decoder. Positions are relative: a bias on attention, learned for each of 32 ranges of distance that
widen with it, and shared by all blocks of a stack (in umT5 each has its own).

    x <- x + part(rms(x)),    score_(i, j) = q_i . k_j + B_h[range(j - i)]       (without 1/sqrt(d))
    logits = rms(x_L) E^T / sqrt(d)     where E is also the embedding, else rms(x_L) W^T
    classify: rms(x_L) of the last `end_id`, tanh(x W + p) C + d     extract, tag: x W + p

Shapes: source `b s` and target `b t` (shifted right: it begins with `padding_id`); logits `b t v`
of the target's next token. The encoder alone: features `b s d` (hidden), or `b s k` (tag). Other
heads read the source twice, by the encoder and, shifted right, by the decoder: `b k` (classify) or
`b s 2` (extract).

Departures: none. No layer adds a bias. T5 1.1 has gates (geglu) and a matrix of its own for the
scores.

References:
    Colin Raffel et al. Exploring the limits of transfer learning with a unified text-to-text
    transformer. 2019, Journal of Machine Learning Research 21, 2020.
    https://arxiv.org/abs/1910.10683
    Hyung Won Chung et al. UniMax: fairer and more effective language sampling for large-scale
    multilingual pretraining. ICLR 2023 (umT5). https://arxiv.org/abs/2304.09151

>>> with torch.device("meta"):
...     model = T5()
>>> sum(weight.numel() for weight in model.parameters())
60506624
"""

from collections.abc import Iterator
from itertools import repeat
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.architectures.transformer.attention import MultiHeadAttention
from cartograd.architectures.transformer.block import Block
from cartograd.architectures.transformer.cross_decoder import CrossDecoder
from cartograd.architectures.transformer.distances import Distances
from cartograd.architectures.transformer.feed_forward import FeedForward
from cartograd.architectures.transformer.reading_twice import of_the_end, shifted
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.training.regularization.dropout import Dropout

CARD = Card(
    name="t5",
    kind="model",
    entry="T5",
    nodes=("arch/t5",),
    title="T5",
    zh="T5",
    paper="Exploring the limits of transfer learning with a unified text-to-text transformer",
    year=2019,
    url="https://arxiv.org/abs/1910.10683",
    proofs=(
        "oracle: transformers' T5 (1.0 and 1.1), mT5 and umT5 with every head, and their encoders "
        "alone, through their own files: logits, hidden states and gradients to 1e-10 in float64, "
        "one step of AdamW, and the texts of a beam search",
        "law: what comes later in the target, and padding of the source, change nothing; a "
        "decoder's logits are those of the whole target",
        "paper: 60,506,624 / 222,903,552 / 737,668,096 parameters (small, base, large)",
    ),
    evidence={"arch/t5": ("test_counts", "test_equals_transformers")},
    tiny={
        "vocabulary": 11, "padding_id": 0, "dim": 8, "heads": 2, "head_dim": 4, "ffn_dim": 16,
        "depth": 2, "dropout": 0.0,
    },
    objective="label-tokens",
    renamed={"inner": "ffn_dim"},
)  # fmt: skip

PRESETS = {
    "t5-small": {},
    "t5-base": {"dim": 768, "heads": 12, "ffn_dim": 3072, "depth": 12},
    "t5-large": {"dim": 1024, "heads": 16, "ffn_dim": 4096, "depth": 24},
    "flan-t5-small": {
        "heads": 6,
        "ffn_dim": 1024,
        "depth": 8,
        "activation": "geglu",
        "tied": False,
    },
    "mt5-small": {
        "vocabulary": 250_112,
        "heads": 6,
        "ffn_dim": 1024,
        "depth": 8,
        "activation": "geglu",
        "tied": False,
    },
    "umt5-small": {
        "vocabulary": 256_384,
        "heads": 6,
        "ffn_dim": 1024,
        "depth": 8,
        "activation": "geglu",
        "tied": False,
        "distances": "each",
    },
}

ENCODERS = ("hidden", "tag")
"""Heads on the encoder alone."""


class T5(nn.Module):
    """An encoder-decoder with relative positions.

    Args:
        vocabulary: size of the vocabulary.
        padding_id: the padding token; its positions in the source are masked.
        dim: features of a position.
        heads: number of heads of each attention.
        head_dim: features of a head.
        ffn_dim: hidden size of the feed-forward parts; four times `dim` if not given.
        depth: number of blocks of the encoder, and of the decoder.
        activation: of the feed-forward parts: `relu`, or `geglu` for T5 1.1.
        tied: whether the output layer shares the embedding's weights; not in T5 1.1.
        distances: whether the blocks of a stack share one table of biases, or each has its own.
        head: the output: `translate` writes a text for a text; `classify` and `extract` (beginning
            and end of an answer) read one, twice; `tag` and `hidden` (features) are of the encoder
            alone.
        classes: of the heads `classify` and `tag`.
        end_id: the token that ends a text, whose features are classified.
        dropout: probability that a number is set to zero in training.
    """

    def __init__(
        self,
        *,
        vocabulary: int = 32_128,
        padding_id: int | None = 0,
        dim: int = 512,
        heads: int = 8,
        head_dim: int = 64,
        ffn_dim: int | None = None,
        depth: int = 6,
        activation: str = "relu",
        tied: bool = True,
        distances: Literal["shared", "each"] = "shared",
        head: Literal["translate", "classify", "extract", "tag", "hidden"] = "translate",
        classes: int = 2,
        end_id: int = 1,
        dropout: float = 0.1,
    ):
        super().__init__()
        self.padding_id, self.end_id, self.head_name = padding_id, end_id, head
        self.dropout = Dropout(dropout=dropout)

        def attention() -> MultiHeadAttention:
            return MultiHeadAttention(
                dim=dim, heads=heads, head_dim=head_dim, biases="", scale=1.0, dropout=dropout
            )

        def stack(*, crossed: bool) -> nn.ModuleList:
            return nn.ModuleList(
                Block(
                    attention=attention(),
                    feed_forward=FeedForward(
                        dim=dim,
                        ffn_dim=ffn_dim or 4 * dim,
                        activation=activation,
                        bias=False,
                        dropout=dropout,
                    ),
                    cross=attention() if crossed else None,
                    norm="rms",
                    eps=1e-6,
                    dropout=dropout,
                )
                for _ in range(depth)
            )

        def biases(*, both: bool) -> nn.Module:
            tables = (Distances(heads, both=both) for _ in range(depth))
            return nn.ModuleList(tables) if distances == "each" else next(tables)

        self.tokens = nn.Embedding(vocabulary, dim)
        self.encoder, self.encoder_bias = stack(crossed=False), biases(both=True)
        self.encoder_norm = nn.RMSNorm(dim, eps=1e-6)
        if head not in ENCODERS:
            self.decoder_blocks = stack(crossed=True)
            self.decoder_bias = biases(both=False)
            self.decoder_norm = nn.RMSNorm(dim, eps=1e-6)
        own = head == "translate" and not tied
        self.head = nn.Linear(dim, vocabulary, bias=False) if own else None
        self.pooler = nn.Linear(dim, dim) if head == "classify" else None
        answers = {"classify": classes, "tag": classes, "extract": 2}.get(head)
        self.classifier = None if answers is None else nn.Linear(dim, answers)
        _initialise(self, dim, head_dim)

    def forward(
        self, source: Int[Tensor, "b s"], target: Int[Tensor, "b t"] | None = None
    ) -> Float[Tensor, "b ..."]:
        """The output of the head.

        Args:
            source: the texts.
            target: of the head `translate` what is written so far.

        Raises:
            UsageError: there is a target too many, or none.
        """
        if (target is None) == (self.head_name == "translate"):
            raise UsageError(
                f"t5: head={self.head_name!r} takes a source "
                f"{'and what is written so far' if target is None else 'alone'}"
            )
        memory, mask = self.encode(source), self._real(source)
        if self.head_name in ENCODERS:
            return memory if self.classifier is None else self.classifier(memory)
        given = shifted(source, self.padding_id or 0) if target is None else target
        x = self._dropped(self.tokens(given))
        biases = _by_block(self.decoder_bias, x.shape[1], x.shape[1])
        for block, bias in zip(self.decoder_blocks, biases, strict=False):
            x = block(x, memory=memory, memory_mask=mask, causal=True, bias=bias)
        x = self._dropped(self.decoder_norm(x))
        if self.classifier is None:
            return self._scores(x)
        if self.pooler is not None:
            x = torch.tanh(self.pooler(of_the_end(x, source, self.end_id)))
        return self.classifier(x)

    def encode(self, source: Int[Tensor, "b s"], /) -> Float[Tensor, "b s d"]:
        """The encoder's output for the source."""
        x, mask = self._dropped(self.tokens(source)), self._real(source)
        biases = _by_block(self.encoder_bias, x.shape[1], x.shape[1])
        for block, bias in zip(self.encoder, biases, strict=False):
            x = block(x, mask=mask, bias=bias)
        return self._dropped(self.encoder_norm(x))

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
        x, t = self.tokens(tokens), tokens.shape[1]
        biases = _by_block(self.decoder_bias, t, state.length + t)
        for number, block in enumerate(self.decoder_blocks):
            x = block(
                x, memory=state.pairs[number], memory_mask=state.mask, causal=True,
                bias=next(biases), cache=state.cache[number],
            )  # fmt: skip
        return self.decoder_norm(x)

    def _real(self, source: Tensor) -> Tensor | None:
        return None if self.padding_id is None else (source != self.padding_id)[:, None, None]

    def _dropped(self, x: Tensor) -> Tensor:
        return self.dropout(x)

    def _scores(self, x: Tensor) -> Tensor:
        if self.head is not None:
            return self.head(x)
        return F.linear(x * x.shape[-1] ** -0.5, self.tokens.weight)


def _by_block(own: nn.Module, t: int, s: int) -> Iterator[Tensor]:
    """The bias of each block of a stack, which all may share: of the last t of s positions."""
    if not isinstance(own, nn.ModuleList):
        return repeat(own(t, s))
    return (table(t, s) for table in own)


def _initialise(model: T5, dim: int, head_dim: int) -> None:
    """Initialise so that scores have a variance of 1 without being scaled."""
    nn.init.normal_(model.tokens.weight)
    for part in model.modules():
        if isinstance(part, Distances):
            nn.init.normal_(part.weight, std=dim**-0.5)
        elif isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=part.in_features**-0.5)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    for part in model.modules():
        if isinstance(part, MultiHeadAttention):
            nn.init.normal_(part.query.weight, std=(dim * head_dim) ** -0.5)
