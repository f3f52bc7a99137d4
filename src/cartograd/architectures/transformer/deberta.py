"""DeBERTa v3: an encoder whose attention keeps apart what a token is and where it stands.

In BERT a token's vector is the sum of its meaning and its place. Here they stay apart: scores are a
sum of meaning with meaning, meaning with distance, and distance with meaning. Distances have
vectors of their own, one each for small ones, then one for ever wider ranges; all blocks share them
and project them by the matrices of their queries and keys.

    score_ij = (q_i . k_j + q_i . K p[d(i - j)] + k_j . Q p[d(i - j)]) / sqrt(3 width),  p = norm(P)
    masked: logits = norm(gelu(x W + b)) E^T + c       classify: gelu(x_first P + p) C + d

Shapes: tokens `b t`, padded on the right with `padding_id`; answers `b t v` (masked), `b k`
(classify), `b t k` (tag), `b t 2` (extract) or `b t d` (hidden).

Departures: the discriminator and the shared embeddings that v3 was trained with are not here, nor
the absolute positions of v1 before the last layers. Distances are told apart in float32, as in the
authors' code.

References:
    Pengcheng He, Xiaodong Liu, Jianfeng Gao, Weizhu Chen. DeBERTa: decoding-enhanced BERT with
    disentangled attention. 2020, ICLR 2021. https://arxiv.org/abs/2006.03654
    Pengcheng He, Jianfeng Gao, Weizhu Chen. DeBERTaV3: improving DeBERTa using ELECTRA-style
    pre-training with gradient-disentangled embedding sharing. 2021, ICLR 2023.
    https://arxiv.org/abs/2111.09543

>>> with torch.device("meta"):
...     model = DeBERTa(head="hidden")
>>> sum(weight.numel() for weight in model.parameters())
183831552
"""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from cartograd.architectures.transformer.attention import MultiHeadAttention
from cartograd.architectures.transformer.bert_parts import Masked
from cartograd.architectures.transformer.block import Block
from cartograd.architectures.transformer.feed_forward import FeedForward
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.training.regularization.dropout import Dropout

CARD = Card(
    name="deberta",
    kind="model",
    entry="DeBERTa",
    nodes=("arch/bert",),
    title="DeBERTa v3",
    zh="DeBERTa v3",
    paper="DeBERTa: decoding-enhanced BERT with disentangled attention",
    year=2020,
    url="https://arxiv.org/abs/2006.03654",
    proofs=(
        "oracle: transformers' DeBERTa-v2 as v3 sets it, with every head, through their own files: "
        "answers and gradients to 1e-10 in float64",
        "law: padding changes nothing; only distances count, not places",
        "paper: 70,682,112 / 141,304,320 / 183,831,552 / 434,012,160 weights of the encoders",
    ),
    tiny={
        "vocabulary": 11, "padding_id": 0, "context": 16, "dim": 8, "heads": 2, "depth": 2,
        "ranges": 4, "dropout": 0.0,
    },
    objective="masked-language-model",
)  # fmt: skip

PRESETS = {
    "deberta-v3-xsmall": {"dim": 384, "heads": 6},
    "deberta-v3-small": {"depth": 6},
    "deberta-v3-base": {},
    "deberta-v3-large": {"dim": 1024, "heads": 16, "depth": 24},
}


class DeBERTa(nn.Module):
    """An encoder of texts.

    Args:
        vocabulary: size of the vocabulary.
        padding_id: the padding token; its positions are masked.
        context: greatest number of tokens, and the distance from which on all are alike.
        dim, depth, heads, ffn_dim: its size; `ffn_dim` is four times `dim` if not given.
        head: the output: logits of `masked` tokens, `classify`, `tag`, the beginning and the end of
            an answer (`extract`), or the `hidden` features themselves.
        classes: of the heads `classify` and `tag`.
        ranges: of distance to each side; half of them are of one distance.
        eps: of the norms.
        dropout: probability that a number is set to zero in training.

    Attributes:
        first_token: texts begin with a token of no word, whose position stands for the whole.

    Raises:
        UsageError: the ranges leave none for far distances.
    """

    first_token = True

    def __init__(
        self,
        *,
        vocabulary: int = 128_100,
        padding_id: int | None = 0,
        context: int = 512,
        dim: int = 768,
        heads: int = 12,
        depth: int = 12,
        ffn_dim: int | None = None,
        head: Literal["masked", "classify", "tag", "extract", "hidden"] = "masked",
        classes: int = 2,
        ranges: int = 256,
        eps: float = 1e-7,
        dropout: float = 0.1,
    ):
        super().__init__()
        if not 4 <= ranges < 2 * (context - 1):
            raise UsageError(
                f"deberta: ranges={ranges} for context={context}; expected at least 4, and less "
                "than twice the greatest distance"
            )
        self.padding_id, self.context, self.head_name = padding_id, context, head
        self.ranges, self.heads = ranges, heads
        self.scale = (3 * (dim // heads)) ** -0.5
        self.dropout = Dropout(dropout=dropout)
        self.tokens, self.norm = nn.Embedding(vocabulary, dim), nn.LayerNorm(dim, eps=eps)
        self.distances = nn.Embedding(2 * ranges, dim)
        self.distance_norm = nn.LayerNorm(dim, eps=eps)
        self.blocks = nn.ModuleList(
            Block(
                attention=MultiHeadAttention(
                    dim=dim, heads=heads, scale=self.scale, dropout=dropout
                ),
                feed_forward=FeedForward(dim=dim, ffn_dim=ffn_dim or 4 * dim, activation="gelu"),
                order="post",
                eps=eps,
                dropout=dropout,
            )
            for _ in range(depth)
        )
        answers = {"classify": classes, "tag": classes, "extract": 2}.get(head)
        self.pooler = nn.Linear(dim, dim) if head == "classify" else None
        self.masked = Masked(dim, dim, vocabulary, "layer", eps) if head == "masked" else None
        self.classifier = None if answers is None else nn.Linear(dim, answers)
        for weight in self.parameters():
            if weight.ndim == 2:
                nn.init.normal_(weight, std=0.02)

    def forward(
        self, tokens: Int[Tensor, "b t"], *, where: Bool[Tensor, "b t"] | None = None
    ) -> Float[Tensor, "..."]:
        """The output of the head.

        Args:
            tokens: the texts.
            where: the positions whose logits are wanted, `n v` of them; all if not given.

        Raises:
            UsageError: more tokens than the context holds, or positions of a head that has no
                logits of tokens.
        """
        x = self.hidden(tokens)
        if self.masked is not None:
            return self.masked(x if where is None else x[where], self.tokens.weight)
        if where is not None:
            raise UsageError(
                f"deberta: head={self.head_name!r} has no logits of tokens to choose from"
            )
        if self.classifier is None:
            return x
        if self.pooler is not None:
            x = F.gelu(self.pooler(x[:, 0]))
        return self.classifier(self.dropout(x))

    def hidden(self, tokens: Int[Tensor, "b t"], /) -> Float[Tensor, "b t d"]:
        """The features of each position: contextual embeddings."""
        if tokens.shape[1] > self.context:
            raise UsageError(
                f"{tokens.shape[1]} tokens are more than the {self.context} that this model can "
                "see at once; shorten the text"
            )
        mask = None if self.padding_id is None else (tokens != self.padding_id)[:, None, None]
        x = self.dropout(self.norm(self.tokens(tokens)))
        far = self.dropout(self.distance_norm(self.distances.weight))
        places = torch.arange(tokens.shape[1], device=tokens.device)
        which = ranged(places[:, None] - places, self.ranges, self.context)
        for block in self.blocks:
            x = block(x, mask=mask, bias=self._apart(block, x, far, which))
        return x

    def _apart(self, block: nn.Module, x: Tensor, far: Tensor, which: Tensor) -> Tensor:
        """The scores of meaning with distance, and of distance with meaning."""
        assert isinstance(block, Block)
        query, key = block.attention.query, block.attention.key
        apart = [
            self._split(one(x)) @ self._split(other(far)).mT
            for one, other in ((query, key), (key, query))
        ]
        index = which.expand(*apart[0].shape[:2], -1, -1)
        there, back = apart[0].gather(3, index), apart[1].gather(3, index.mT).mT
        return (there + back) * self.scale

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(-2, -3)


def ranged(ahead: Int[Tensor, "t s"], ranges: int, far: int, /) -> Int[Tensor, "t s"]:
    """The number of each distance's range: one each for small ones, then ever wider ones.

    >>> ranged(torch.tensor([[-500, -9, -2, 0, 1, 2, 3, 9, 500]]), 4, 16).tolist()
    [[0, 1, 2, 4, 5, 6, 7, 7, 7]]
    """
    half = ranges // 2
    long = (ahead.abs().clamp(min=half).float() / half).log()
    share = long / torch.tensor((far - 1) / half).log() * (half - 1)
    wide = (share.ceil().long() + half) * ahead.sign()
    found = torch.where(ahead.abs() <= half, ahead, wide)
    return (found + ranges).clamp(0, 2 * ranges - 1)
