"""ModernBERT: an encoder of texts with what decoders have learned since BERT.

Rotary positions in place of a table, norms before the parts, gates, no biases, and a window in two
layers of three, so that texts of 8192 tokens are read at a bearable price.

    x_0 = norm(tokens);  x <- x + attention(norm(x));  x <- x + W2 (gelu(Wg y) * W1 y), y = norm(x)
    masked: logits = norm(gelu(x W)) E^T + c       classify: norm(gelu(x_first P)) C + d

The first layer's attention has no norm of its own, as the tokens' vectors have had one.

Shapes: tokens `b t`, padded on the right with `padding_id`; answers `b t v` (masked), `b k`
(classify), `b t k` (tag), `b t 2` (extract) or `b t d` (hidden).

Departures: dropout, which the published models were trained without, is not here.

References:
    Benjamin Warner et al. Smarter, better, faster, longer: a modern bidirectional encoder for fast,
    memory efficient, and long context finetuning and inference. 2024.
    https://arxiv.org/abs/2412.13663

>>> with torch.device("meta"):
...     model = ModernBERT(head="hidden")
>>> sum(weight.numel() for weight in model.parameters())
149014272
"""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from cartograd.architectures.transformer.attention import MultiHeadAttention
from cartograd.architectures.transformer.block import Block
from cartograd.architectures.transformer.feed_forward import FeedForward
from cartograd.architectures.transformer.rotary import Rotary
from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="modernbert",
    kind="model",
    entry="ModernBERT",
    nodes=("arch/bert",),
    title="ModernBERT",
    zh="ModernBERT",
    paper="Smarter, better, faster, longer: a modern bidirectional encoder",
    year=2024,
    url="https://arxiv.org/abs/2412.13663",
    proofs=(
        "oracle: transformers' ModernBERT with every head, through their own files: answers and "
        "gradients to 1e-10 in float64",
        "law: padding changes nothing; a window as long as the text is none",
        "paper: 149,014,272 / 394,781,696 weights of the encoders",
    ),
    tiny={
        "vocabulary": 11,
        "padding_id": 0,
        "context": 16,
        "dim": 8,
        "heads": 2,
        "depth": 2,
        "ffn_dim": 12,
    },
    objective="masked-language-model",
)

PRESETS = {
    "modernbert-base": {},
    "modernbert-large": {"dim": 1024, "heads": 16, "depth": 28, "ffn_dim": 2624},
}


class ModernBERT(nn.Module):
    """An encoder of texts.

    Args:
        vocabulary: size of the vocabulary.
        padding_id: the padding token; its positions are masked.
        context: greatest number of positions.
        dim, depth, heads, ffn_dim: its size; `ffn_dim` is the hidden size of the gated part, one
            and a half times `dim` if not given.
        window: in layers with one, a position attends to those less than this far from it.
        reach: how far each layer sees, a letter each, repeated: `f` all, `w` the window.
        base, local_base: of the rotary positions of layers without and with a window.
        head: the output: logits of `masked` tokens, `classify`, `tag`, the beginning and the end of
            an answer (`extract`), or the `hidden` features themselves.
        classes: of the heads `classify` and `tag`.
        pooling: what the classes of a text are told by: its first position (`cls`) or the `mean`.
        eps: of the norms.

    Attributes:
        first_token: texts begin with a token of no word, whose position stands for the whole.

    Raises:
        UsageError: an unknown letter.
    """

    first_token = True

    def __init__(
        self,
        *,
        vocabulary: int = 50_368,
        padding_id: int | None = 50_283,
        context: int = 8192,
        dim: int = 768,
        heads: int = 12,
        depth: int = 22,
        ffn_dim: int | None = None,
        window: int = 65,
        reach: str = "fww",
        base: float = 160_000.0,
        local_base: float = 10_000.0,
        head: Literal["masked", "classify", "tag", "extract", "hidden"] = "masked",
        classes: int = 2,
        pooling: Literal["cls", "mean"] = "cls",
        eps: float = 1e-5,
    ):
        super().__init__()
        if not reach or set(reach) - set("fw"):
            raise UsageError(f"modernbert: reach={reach!r}; expected letters of f and w")
        self.padding_id, self.context, self.window = padding_id, context, window
        self.reach, self.head_name, self.pooling = (reach * depth)[:depth], head, pooling
        self.tokens, self.norm = nn.Embedding(vocabulary, dim), _norm(dim, eps)
        self.rotary = Rotary(head_dim=dim // heads, base=base)
        self.local_rotary = Rotary(head_dim=dim // heads, base=local_base)
        self.blocks = nn.ModuleList(
            _block(dim, heads, ffn_dim or 3 * dim // 2, eps, first=number == 0)
            for number in range(depth)
        )
        self.final_norm = _norm(dim, eps)
        answers = {"classify": classes, "tag": classes, "extract": 2}.get(head)
        plain = head == "hidden"
        self.dense = None if plain else nn.Linear(dim, dim, bias=False)
        self.dense_norm = None if plain else _norm(dim, eps)
        self.bias = nn.Parameter(torch.zeros(vocabulary)) if head == "masked" else None
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
        if where is not None and self.bias is None:
            raise UsageError(
                f"modernbert: head={self.head_name!r} has no logits of tokens to choose from"
            )
        x = x if where is None else x[where]
        x = self.pooled(x, tokens) if self.head_name == "classify" else x
        if self.dense is None or self.dense_norm is None:
            return x
        x = self.dense_norm(F.gelu(self.dense(x)))
        if self.classifier is not None:
            return self.classifier(x)
        return F.linear(x, self.tokens.weight, self.bias)

    def hidden(self, tokens: Int[Tensor, "b t"], /) -> Float[Tensor, "b t d"]:
        """The features of each position: contextual embeddings."""
        if tokens.shape[1] > self.context:
            raise UsageError(
                f"{tokens.shape[1]} tokens are more than the {self.context} that this model can "
                "see at once; shorten the text"
            )
        places = torch.arange(tokens.shape[1], device=tokens.device)
        turns = {"f": self.rotary.turn(places), "w": self.local_rotary.turn(places)}
        mask = None if self.padding_id is None else (tokens != self.padding_id)[:, None, None]
        x = self.norm(self.tokens(tokens))
        for block, letter in zip(self.blocks, self.reach, strict=True):
            window = self.window if letter == "w" else None
            x = block(x, mask=mask, window=window, rotary=turns[letter])
        return self.final_norm(x)

    def pooled(
        self, x: Float[Tensor, "b t d"], tokens: Int[Tensor, "b t"], /
    ) -> Float[Tensor, "b d"]:
        """The text as one vector: its first position, or the mean of those that are no padding."""
        if self.pooling == "cls":
            return x[:, 0]
        if self.padding_id is None:
            return x.mean(1)
        there = (tokens != self.padding_id)[:, :, None].to(x.dtype)
        return (x * there).sum(1) / there.sum(1)


def _norm(dim: int, eps: float) -> nn.LayerNorm:
    return nn.LayerNorm(dim, eps=eps, bias=False)


def _block(dim: int, heads: int, ffn_dim: int, eps: float, /, *, first: bool) -> Block:
    """A block whose norms add nothing; the first one's attention has none."""
    block = Block(
        attention=MultiHeadAttention(dim=dim, heads=heads, biases=""),
        feed_forward=FeedForward(dim=dim, ffn_dim=ffn_dim, activation="geglu-exact", bias=False),
        norm=None,
    )
    block.attention_norm = nn.Identity() if first else _norm(dim, eps)
    block.feed_forward_norm = _norm(dim, eps)
    return block
