"""Sentence encoder: a text as a unit vector, near to those that mean the same.

A BERT whose features are averaged over the text, without the padding, and brought to length one:
the cosine similarity of two texts is then a dot product. Trained on pairs that belong together, it
compares any number of texts after reading each once.

    e(x) = m / |m|,   m = 1/T sum_t h_t(x)          similarity(x, y) = e(x) . e(y)

With `classes` one linear layer reads the vector: few labelled texts are enough where the encoder
has learned from many (`freeze=true` trains the layer alone). Of a pair of texts, `[CLS] a [SEP] b
[SEP]`, each is read by itself, and the layer sees both vectors and how they differ:

    logits = W (u, v, |u - v|),   u = e([CLS] a [SEP]),  v = e([CLS] b [SEP])

Shapes: tokens `b t`, padded on the right with `padding_id`; vectors `b d`, or logits `b k`.

Departures: none; the paper found the mean the best of the three ways to pool that it compares.

References:
    Nils Reimers, Iryna Gurevych. Sentence-BERT: sentence embeddings using Siamese BERT-networks.
    2019, EMNLP. https://arxiv.org/abs/1908.10084

>>> model = SentenceEncoder(vocabulary=11, dim=8, heads=2, depth=1).eval()
>>> short, filled = torch.tensor([[5, 3]]), torch.tensor([[5, 3, 0, 0]])
>>> torch.allclose(model(short), model(filled), atol=1e-6), model(short).norm().round().item()
(True, 1.0)
"""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from cartograd.architectures.transformer.bert import BERT
from cartograd.architectures.transformer.bert_parts import second_text
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating, inferring
from cartograd.core.signed import Signed
from cartograd.data.decode.read import encoded
from cartograd.data.text.tokens import alike, padded

CARD = Card(
    name="sentence-encoder",
    kind="model",
    entry="SentenceEncoder",
    nodes=("embed/contextual",),
    title="Sentence encoder (Sentence-BERT)",
    zh="句向量编码器（Sentence-BERT）",
    paper="Sentence-BERT: sentence embeddings using Siamese BERT-networks",
    year=2019,
    url="https://arxiv.org/abs/1908.10084",
    proofs=(
        "oracle: sentence-transformers on the same folder, vectors to 1e-10 in float64",
        "law: padding, order and company of texts change nothing; vectors have length one",
        "paper: 22,713,216 parameters of MiniLM-L6-H384 less the 147,840 of its pooler",
    ),
    tiny={
        "vocabulary": 11,
        "padding_id": 0,
        "context": 16,
        "dim": 8,
        "heads": 2,
        "depth": 2,
        "dropout": 0.0,
    },
    renamed={"inner": "ffn_dim"},
)

TOKENS = 512
"""Tokens in a batch: more do not fit a core's cache."""


class SentenceEncoder(nn.Module):
    """From texts to unit vectors.

    Args:
        vocabulary: size of the vocabulary.
        padding_id: the padding token; its positions are masked.
        context: greatest number of positions.
        dim: features of a position, and of the output.
        heads: number of heads of each attention.
        depth: number of blocks.
        ffn_dim: hidden size of the feed-forward parts; four times `dim` if not given.
        pooling: the vector of a text: the `mean` of its features, that of the first token (`cls`),
            or the largest number of each feature (`max`).
        normalised: whether vectors get length one.
        classes: numbers that a linear layer makes of the vector; none for the vector itself.
        separator_id: the token after which the second text of a pair begins; None where texts come
            alone.
        dropout: probability that a number is set to zero in training.
    """

    def __init__(
        self,
        *,
        vocabulary: int = 30_522,
        padding_id: int | None = 0,
        context: int = 512,
        dim: int = 384,
        heads: int = 12,
        depth: int = 6,
        ffn_dim: int | None = None,
        pooling: Literal["mean", "cls", "max"] = "mean",
        normalised: bool = True,
        classes: int | None = None,
        separator_id: int | None = None,
        dropout: float = 0.1,
    ):
        super().__init__()
        self.encoder = BERT(
            vocabulary=vocabulary, padding_id=padding_id, context=context, dim=dim, heads=heads,
            depth=depth, ffn_dim=ffn_dim, head="hidden", dropout=dropout,
        )  # fmt: skip
        self.encoder.pooler = None
        self.padding_id, self.pooling, self.normalised = padding_id, pooling, normalised
        self.separator_id = separator_id
        wide = dim if separator_id is None else 3 * dim
        self.head = None if classes is None else nn.Linear(wide, classes)

    def forward(self, tokens: Int[Tensor, "b t"]) -> Float[Tensor, "b ..."]:
        """The vector of each text, or what the head makes of it.

        Raises:
            UsageError: more tokens than the context holds.
        """
        x, there = self.encoder.tokens(tokens), torch.ones_like(tokens, dtype=torch.bool)
        there = there if self.padding_id is None else tokens != self.padding_id
        if self.separator_id is None:
            x = self._vector(x, there)
        else:
            second = second_text(tokens, self.separator_id, self.padding_id)
            u, v = self._vector(x, there & ~second), self._vector(*_moved(x, second))
            x = torch.cat([u, v, (u - v).abs()], 1)
        return x if self.head is None else self.head(x)

    def _vector(self, x: Float[Tensor, "b t d"], there: Bool[Tensor, "b t"]) -> Tensor:
        """What texts mean whose tokens were looked up."""
        x = pooled(self.encoder.encoded(x, there), there, self.pooling)
        return F.normalize(x, dim=1) if self.normalised else x


def pooled(
    x: Float[Tensor, "b t d"], there: Bool[Tensor, "b t"], how: str, /
) -> Float[Tensor, "b d"]:
    """One vector for the features of each text.

    Args:
        x: features of tokens.
        there: which of them are no padding.
        how: `mean`, `cls` or `max`.
    """
    if how == "cls":
        return x[:, 0]
    if how == "max":
        return x.masked_fill(~there[..., None], -torch.inf).amax(1)
    return (x * there[..., None]).sum(1) / there.sum(1, keepdim=True).clamp(min=1)


def _moved(
    x: Float[Tensor, "b t d"], second: Bool[Tensor, "b t"]
) -> tuple[Float[Tensor, "b t d"], Bool[Tensor, "b t"]]:
    """The second texts as if each stood alone: behind the first token, from position 1 on."""
    start = second.long().argmax(1, keepdim=True)
    place = torch.arange(x.shape[1], device=x.device) - 1 + start
    inside = place < x.shape[1]
    place = place.clamp(0, x.shape[1] - 1)
    there = second.gather(1, place) & inside
    vectors = x.gather(1, place[..., None].expand_as(x))
    return torch.cat([x[:, :1], vectors[:, 1:]], 1), torch.cat(
        [torch.ones_like(there[:, :1]), there[:, 1:]], 1
    )


def encode(model: Signed, texts: Sequence[str], /, *, tokens: int = TOKENS) -> Float[Tensor, "n d"]:
    """The vectors of many texts: batches hold texts of like length, so little is padding.

    Args:
        model: a signed sentence encoder with its tokenizer.
        texts: in any order.
        tokens: how many a batch holds.

    Raises:
        UsageError: the model has no tokenizer, or a text is empty or too long for the model.
    """
    port = model.signature.input
    rows = encoded(port, texts, model.tokenizer)
    device = next(model.parameters()).device
    embeddings: list[Tensor] = [torch.empty(0)] * len(rows)
    with inferring(model):
        for group in alike([len(row) for row in rows], tokens=tokens):
            batch = padded([rows[i] for i in group], port.padding_id)
            for index, vector in zip(group, model(batch.to(device)).cpu(), strict=True):
                embeddings[index] = vector
    return torch.stack(embeddings)


@torch.inference_mode()
def in_context(model: Signed, text: str, word: str, /) -> Float[Tensor, " d"]:
    """The contextual embedding of a word: the features of its tokens, averaged.

    Args:
        model: a signed sentence encoder, or a BERT, with its tokenizer.
        text: holds the word.
        word: as it is written there; its first occurrence counts.

    Raises:
        UsageError: the word is not in the text, or the model has no such features.
    """
    start = text.find(word)
    if start < 0 or model.tokenizer is None:
        raise UsageError(f"{word!r} is not in {text!r}" if start < 0 else "there is no tokenizer")
    inner = model.model.encoder if isinstance(model.model, SentenceEncoder) else model.model
    if not isinstance(inner, BERT):
        raise UsageError(f"{type(inner).__name__} has no features of words; expected a BERT")
    spans = model.tokenizer.spans(text)
    inside = [a < start + len(word) and b > start for a, b in spans]
    numbers = torch.tensor([model.tokenizer.encode(text)])
    with evaluating(model):
        x = inner.hidden(numbers.to(next(model.parameters()).device))[0].cpu()
    return x[torch.tensor(inside)].mean(0)
