"""BERT: a bidirectional encoder, pretrained on masked tokens and fine-tuned for other tasks.

A language model sees one side of a word; to understand a text one wants both. So tokens are masked
and predicted from all others. The features this needs serve other tasks: with one more layer on the
first position (classes) or on each (tags) the model is fine-tuned, with few examples.

    x_0 = norm(tokens + positions + segments)       x_l = block_l(x_(l-1)), norms after the parts
    masked: logits = norm(gelu(x_L W + b)) E^T + c       classify: tanh(x_L,first P + p) C + d

A pair of texts is one row, `[CLS] a [SEP] b [SEP]`: with `separator_id` the tokens after the first
separator are of the second segment.

Shapes: tokens `b t`, padded on the right with `padding_id`; answers `b t v` (masked), `b k`
(classify), `b t k` (tag), `b t 2` (extract) or `b t d` (hidden).

DistilBERT and RoBERTa are the same encoder with other sizes, `segments`, `eps` and `activation`.
So is ELECTRA, which learns from every token: a small model fills in masked ones, and this one tells
which were replaced (`detect`, tags of two classes). Its tokens' vectors may be shorter.

Departures: none. The next-sentence task has its weights with head `pretraining`, and no objective.

References:
    Jacob Devlin, Ming-Wei Chang, Kenton Lee, Kristina Toutanova. BERT: pre-training of deep
    bidirectional transformers for language understanding. 2018, NAACL 2019.
    https://arxiv.org/abs/1810.04805
    Yinhan Liu et al. RoBERTa: a robustly optimized BERT pretraining approach. 2019.
    https://arxiv.org/abs/1907.11692
    Kevin Clark, Minh-Thang Luong, Quoc Le, Christopher Manning. ELECTRA: pre-training text encoders
    as discriminators rather than generators. 2020, ICLR. https://arxiv.org/abs/2003.10555
    Victor Sanh, Lysandre Debut, Julien Chaumond, Thomas Wolf. DistilBERT, a distilled version of
    BERT: smaller, faster, cheaper and lighter. 2019. https://arxiv.org/abs/1910.01108

>>> with torch.device("meta"):
...     model = BERT(head="pretraining")
>>> sum(weight.numel() for weight in model.parameters())
110106428
"""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from cartograd.architectures.transformer.attention import MultiHeadAttention
from cartograd.architectures.transformer.bert_parts import Masked, second_text
from cartograd.architectures.transformer.block import Block
from cartograd.architectures.transformer.feed_forward import FeedForward
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.training.normalization.layers import Rows, of_features
from cartograd.training.regularization.dropout import Dropout

CARD = Card(
    name="bert",
    kind="model",
    entry="BERT",
    nodes=("arch/bert", "embed/contextual"),
    title="BERT",
    zh="BERT",
    paper="BERT: pre-training of deep bidirectional transformers for language understanding",
    year=2018,
    url="https://arxiv.org/abs/1810.04805",
    proofs=(
        "oracle: transformers' BERT with every head, through their own files: answers, hidden "
        "states and gradients to 1e-10 in float64, and one step of AdamW",
        "oracle: transformers' ELECTRA with every head, the same",
        "law: padding changes nothing; every position sees all others",
        "paper: 109,482,240 / 335,141,888 parameters, 110,106,428 / 336,226,108 with the heads of "
        "pre-training",
    ),
    evidence={
        "arch/bert": (
            "test_counts",
            "test_equals_transformers",
            "test_minilm_is_that_of_sentence_transformers",
        ),
        "embed/contextual": ("claim:word2vec-static",),
    },
    tiny={
        "vocabulary": 11, "padding_id": 0, "context": 16, "dim": 8, "heads": 2, "depth": 2,
        "dropout": 0.0,
    },
    objective="masked-language-model",
    renamed={"inner": "ffn_dim"},
)  # fmt: skip

# fmt: off
PRESETS = {
    "bert-tiny": {"dim": 128, "heads": 2, "depth": 2},
    "bert-mini": {"dim": 256, "heads": 4, "depth": 4},
    "bert-base": {},
    "bert-large": {"dim": 1024, "heads": 16, "depth": 24},
    "electra-small": {
        "token_dim": 128, "dim": 256, "heads": 4, "activation": "gelu", "head": "detect",
    },
    "electra-base": {"activation": "gelu", "head": "detect"},
    "electra-large": {
        "dim": 1024, "heads": 16, "depth": 24, "activation": "gelu", "head": "detect",
    },
}
# fmt: on


class BERT(nn.Module):
    """An encoder of texts.

    Args:
        vocabulary: size of the vocabulary.
        padding_id: the padding token; its positions are masked.
        context: greatest number of positions.
        dim: features of a position.
        heads: number of heads of each attention.
        depth: number of blocks.
        ffn_dim: hidden size of the feed-forward parts; four times `dim` if not given.
        head: the output: logits of `masked` tokens, the same with the weights of `pretraining`'s
            second task, `classify`, `tag`, the beginning and the end of an answer (`extract`),
            whether each token was replaced (`detect`), or the `hidden` features themselves.
        classes: of the heads `classify` and `tag`.
        segments: kinds of sentences whose tokens are told apart: DistilBERT has 0, RoBERTa 1.
        separator_id: the token after which the second text of a pair begins; None where texts come
            alone.
        activation: of the layer that pools the first position, `tanh`, or `relu` and `gelu` as of
            DistilBERT and ELECTRA, which have none with head `hidden`.
        skips_padding: whether positions count tokens alone, as RoBERTa's, so that none moves
            behind padding at the left.
        token_dim: features of a token's vector, brought to `dim` by a layer; `dim` if not given.
        norm: `layer`, `rms` or `none`.
        eps: of the norms.
        dropout: probability that a number is set to zero in training.

    Attributes:
        first_token: texts begin with a token of no word, whose position stands for the whole.
    """

    first_token = True

    def __init__(
        self,
        *,
        vocabulary: int = 30_522,
        padding_id: int | None = 0,
        context: int = 512,
        dim: int = 768,
        heads: int = 12,
        depth: int = 12,
        ffn_dim: int | None = None,
        head: Literal[
            "masked", "pretraining", "classify", "tag", "extract", "detect", "hidden"
        ] = "masked",
        classes: int = 2,
        segments: int = 2,
        separator_id: int | None = None,
        activation: Literal["tanh", "relu", "gelu"] = "tanh",
        skips_padding: bool = False,
        token_dim: int | None = None,
        norm: Rows = "layer",
        eps: float = 1e-12,
        dropout: float = 0.1,
    ):
        super().__init__()
        self.padding_id, self.head, self.activation = padding_id, head, activation
        self.separator_id, self.skips_padding = separator_id, skips_padding
        self.dropout = Dropout(dropout=dropout)
        wide = dim if token_dim is None else token_dim
        self.tokens, self.positions = nn.Embedding(vocabulary, wide), nn.Embedding(context, wide)
        self.segments = nn.Embedding(segments, wide) if segments else None
        self.norm = of_features(wide, norm=norm, eps=eps)
        self.widened = None if wide == dim else nn.Linear(wide, dim)
        self.blocks = nn.ModuleList(
            Block(
                attention=MultiHeadAttention(dim=dim, heads=heads, dropout=dropout),
                feed_forward=FeedForward(dim=dim, ffn_dim=ffn_dim or 4 * dim, activation="gelu"),
                order="post",
                norm=norm,
                eps=eps,
                dropout=dropout,
            )
            for _ in range(depth)
        )
        masked = head in ("masked", "pretraining")
        pooled = head in ("pretraining", "classify", "detect")
        pooled = pooled or (head == "hidden" and activation == "tanh")
        answers = {"classify": classes, "tag": classes, "extract": 2, "detect": 1}.get(head)
        self.pooler = nn.Linear(dim, dim) if pooled else None
        self.masked = Masked(dim, wide, vocabulary, norm, eps) if masked else None
        self.next_sentence = nn.Linear(dim, 2) if head == "pretraining" else None
        self.classifier = None if answers is None else nn.Linear(dim, answers)
        for weight in self.parameters():
            if weight.ndim == 2:
                nn.init.normal_(weight, std=0.02)

    def forward(
        self,
        tokens: Int[Tensor, "b t"],
        segments: Int[Tensor, "b t"] | None = None,
        *,
        where: Bool[Tensor, "b t"] | None = None,
    ) -> Float[Tensor, "..."]:
        """The output of the head.

        Args:
            tokens: the texts.
            segments: 0 for the first sentence of a pair, 1 for the second; if not given, as
                `separator_id` says, and all 0 without it.
            where: the positions whose logits are wanted, `n v` of them; all if not given.

        Raises:
            UsageError: more tokens than the context holds, segments that the model has not, or
                positions of a head that has no logits of tokens.
        """
        x = self.hidden(tokens, segments)
        if self.masked is not None:
            return self.masked(x if where is None else x[where], self.tokens.weight)
        if where is not None:
            raise UsageError(f"bert: head={self.head!r} has no logits of tokens to choose from")
        if self.classifier is None:
            return x
        if self.head == "detect":  # a sigmoid of z is a softmax of 0 and z
            z = self.classifier(self._dense(x))
            return torch.cat([torch.zeros_like(z), z], -1)
        x = self.pooled(x) if self.head == "classify" else x
        return self.classifier(self.dropout(x))

    def hidden(
        self, tokens: Int[Tensor, "b t"], segments: Int[Tensor, "b t"] | None = None, /
    ) -> Float[Tensor, "b t d"]:
        """The features of each position: contextual embeddings."""
        if segments is None and self.separator_id is not None and self._tells_apart:
            segments = second_text(tokens, self.separator_id, self.padding_id).long()
        mask = None if self.padding_id is None else tokens != self.padding_id
        return self.encoded(self.tokens(tokens), mask, segments)

    def encoded(
        self,
        x: Float[Tensor, "b t d1"],
        there: Bool[Tensor, "b t"] | None,
        segments: Int[Tensor, "b t"] | None = None,
        /,
    ) -> Float[Tensor, "b t d"]:
        """The features of positions whose tokens were looked up.

        Args:
            x: the tokens' vectors.
            there: which of them are no padding; all if not given.
            segments: as of `forward`.
        """
        t, context = x.shape[1], self.positions.num_embeddings
        if t > context:
            raise UsageError(
                f"{t} tokens are more than the {context} that this model can see at once; "
                f"shorten the text"
            )
        places = self.positions.weight[:t]
        if self.skips_padding and there is not None:
            places = self.positions((there.cumsum(1) - 1).clamp(min=0))
        x = x + places
        if self.segments is not None:
            first = torch.zeros(x.shape[:2], dtype=torch.long, device=x.device)
            x = x + self.segments(first if segments is None else segments)
        elif segments is not None:
            raise UsageError("bert: segments=0 tells no sentences apart; give the tokens alone")
        x = self.dropout(self.norm(x))
        x = x if self.widened is None else self.widened(x)
        mask = None if there is None else there[:, None, None]
        for block in self.blocks:
            x = block(x, mask=mask)
        return x

    def pooled(self, x: Float[Tensor, "b t d"], /) -> Float[Tensor, "b d"]:
        """The text as one vector: a dense layer on its first position, then `activation`.

        Raises:
            UsageError: this head has no such layer.
        """
        return self._dense(x[:, 0])

    def _dense(self, x: Tensor) -> Tensor:
        if self.pooler is None:
            raise UsageError(f"bert: head={self.head!r} pools nothing; take hidden or classify")
        act = {"tanh": torch.tanh, "relu": F.relu, "gelu": F.gelu}[self.activation]
        return act(self.pooler(x))

    @property
    def _tells_apart(self) -> bool:
        """Whether there is a segment for second texts."""
        return self.segments is not None and self.segments.num_embeddings > 1

    def follows(
        self, tokens: Int[Tensor, "b t"], segments: Int[Tensor, "b t"], /
    ) -> Float[Tensor, "b 2"]:
        """Logits of whether the second sentence follows the first (class 0) or not.

        Raises:
            UsageError: this head has no such layer.
        """
        if self.next_sentence is None:
            raise UsageError(f"bert: head={self.head!r} knows no next sentence; take pretraining")
        return self.next_sentence(self.pooled(self.hidden(tokens, segments)))
