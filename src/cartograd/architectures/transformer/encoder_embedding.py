"""Encoder embedding: the vector of a text from any encoder that sees the whole of it.

What Sentence-BERT does with BERT's features serves those of its kin: the features of a text's
tokens are averaged, or those of the first token taken, and brought to length one. The encoder of T5
is followed by a layer without which its vectors would be as wide as its features.

    e(x) = m / |m|,   m = f(W pool_t h_t(x) + b)          similarity(x, y) = e(x) . e(y)

Shapes: tokens `b t`, padded on the right with `padding_id`; vectors `b d`.

Departures: none; without `out_dim` there are no W and f.

References:
    Liang Wang et al. Multilingual E5 text embeddings: a technical report. 2024 (XLM-R).
    https://arxiv.org/abs/2402.05672
    Jianmo Ni et al. Sentence-T5: scalable sentence encoders from pre-trained text-to-text models.
    2021, ACL 2022. https://arxiv.org/abs/2108.08877

>>> spec = "modernbert:vocabulary=11,dim=8,heads=2,depth=1,ffn_dim=12,head=hidden"
>>> model = EncoderEmbedding(encoder=spec, padding_id=0).eval()
>>> short, filled = torch.tensor([[5, 3]]), torch.tensor([[5, 3, 0, 0]])
>>> torch.allclose(model(short), model(filled), atol=1e-6), model(short).norm().round().item()
(True, 1.0)
"""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.architectures.transformer.bert import BERT
from cartograd.architectures.transformer.deberta import DeBERTa
from cartograd.architectures.transformer.modernbert import ModernBERT
from cartograd.architectures.transformer.sentence_encoder import pooled
from cartograd.architectures.transformer.t5 import T5
from cartograd.core.build import build
from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="encoder-embedding",
    kind="model",
    entry="EncoderEmbedding",
    nodes=("embed/contextual",),
    title="Text embedding by an encoder (E5, Sentence-T5)",
    zh="编码器文本嵌入（E5、Sentence-T5）",
    paper="Multilingual E5 text embeddings: a technical report",
    year=2024,
    url="https://arxiv.org/abs/2402.05672",
    proofs=(
        "oracle: sentence-transformers on folders of RoBERTa, XLM-R, DistilBERT, ELECTRA, "
        "ModernBERT, DeBERTa v3, T5 and mT5, vectors to 1e-10 in float64",
        "law: padding and company change nothing; vectors have length one",
        "paper: 110,218,368 parameters of sentence-t5-base",
    ),
    tiny={
        "encoder": "bert:context=16,dim=8,heads=2,depth=2,head=hidden,dropout=0.0",
        "vocabulary": 11,
        "padding_id": 0,
    },
)

PRESETS = {
    "sentence-t5-base": {"encoder": "t5-base:head=hidden", "padding_id": 0, "out_dim": 768},
}


class EncoderEmbedding(nn.Module):
    """From texts to vectors.

    Args:
        encoder: spec of the model that reads, with `head=hidden`, such as `t5:head=hidden`.
        vocabulary: size of the vocabulary; the encoder's own if not given.
        padding_id: the padding token, which does not count; none if not given.
        pooling: the vector of a text: the `mean` of its features, that of the first token (`cls`),
            or the largest number of each feature (`max`).
        normalised: whether vectors get length one.
        out_dim: features of a layer behind the pooling; none if not given.
        activation: what this layer ends in, `identity` or `tanh`.
        bias: whether this layer adds one.

    Raises:
        UsageError: the encoder is none.
    """

    def __init__(
        self,
        *,
        encoder: str = "modernbert:head=hidden",
        vocabulary: int | None = None,
        padding_id: int | None = None,
        pooling: Literal["mean", "cls", "max"] = "mean",
        normalised: bool = True,
        out_dim: int | None = None,
        activation: Literal["identity", "tanh"] = "identity",
        bias: bool = False,
    ):
        super().__init__()
        sized = {} if vocabulary is None else {"vocabulary": vocabulary}
        made = build(encoder, kind="model", padding_id=padding_id, **sized)
        if not isinstance(made, BERT | DeBERTa | ModernBERT | T5) or not _features(made):
            raise UsageError(
                f"encoder={encoder!r} gives no features of tokens; expected a bert, deberta, "
                "modernbert or t5 with head=hidden"
            )
        if isinstance(made, BERT):
            made.pooler = None
        self.encoder, self.padding_id = made, padding_id
        self.pooling, self.normalised, self.activation = pooling, normalised, activation
        wide = made.tokens.embedding_dim
        if isinstance(made, BERT) and made.widened is not None:
            wide = made.widened.out_features
        self.dense = None if out_dim is None else nn.Linear(wide, out_dim, bias=bias)

    def forward(self, tokens: Int[Tensor, "b t"]) -> Float[Tensor, "b d"]:
        """The vector of each text.

        Raises:
            UsageError: more tokens than the context holds.
        """
        there = torch.ones_like(tokens, dtype=torch.bool)
        there = there if self.padding_id is None else tokens != self.padding_id
        x = pooled(self.encoder(tokens), there, self.pooling)
        if self.dense is not None:
            x = self.dense(x)
            x = torch.tanh(x) if self.activation == "tanh" else x
        return F.normalize(x, dim=1) if self.normalised else x


def _features(made: BERT | DeBERTa | ModernBERT | T5) -> bool:
    """Whether it gives the features of tokens."""
    return (made.head if isinstance(made, BERT) else made.head_name) == "hidden"
