"""Multiplicative attention: the score of a position is a dot product of two states.

The cheapest score is a dot product: one matrix product compares all queries with all positions.
A matrix between them ("general") lets the network choose what to compare; "concat" is the additive
form again; "scaled" divides by sqrt(d), so that the softmax keeps its slope in many dimensions.

    dot: q . m      scaled: q . m / sqrt(d)      general: q . W m      concat: v . tanh(W [q; m])
    a_t = softmax_s(e_t)        c_t = sum_s a_ts m_s

Shapes: queries `b t d`, the encoder's states `b s d`; contexts `b t d`, weights `b t s`.

Departures: global attention only (Luong's local one, over a window, is left out). `scaled` runs on
torch's fused kernel.

References:
    Minh-Thang Luong, Hieu Pham, Christopher Manning. Effective approaches to attention-based
    neural machine translation. EMNLP 2015. https://arxiv.org/abs/1508.04025
    Ashish Vaswani et al. Attention is all you need. NeurIPS 2017 (scaled).
    https://arxiv.org/abs/1706.03762

>>> import torch
>>> LuongAttention(dim=8, score="dot")(torch.zeros(2, 3, 8), torch.zeros(2, 5, 8)).shape
torch.Size([2, 3, 8])
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from cartograd.architectures.seq2seq.attend import weighed
from cartograd.core.card import Card
from cartograd.core.errors import unknown
from cartograd.foundations.activations.tanh import tanh

CARD = Card(
    name="luong-attention",
    kind="layer",
    entry="LuongAttention",
    nodes=("attention/luong", "attention/scaled-dot-product"),
    title="Multiplicative attention",
    zh="乘性注意力",
    paper="Effective approaches to attention-based neural machine translation",
    year=2015,
    url="https://arxiv.org/abs/1508.04025",
    proofs=(
        "oracle: each formula one query and one place at a time, outputs and gradients to 1e-10 in "
        "float64",
        "oracle: torch.nn.functional.scaled_dot_product_attention for `scaled`, to 1e-10",
        "law: weights sum to 1, and what is masked changes nothing",
    ),
    evidence={
        "attention/luong": (
            "test_equals_the_formula",
            "acceptance:translation-spanish",
            "acceptance:translation-chinese",
        ),
    },
    tiny={"dim": 8},
)

SCORES = ("dot", "scaled", "general", "concat")


class LuongAttention(nn.Module):
    """Luong's attention, and the scaled one.

    Args:
        dim: features of queries and of the encoder's states.
        score: how a query and a position are compared: dot, scaled, general or concat.

    Raises:
        UsageError: there is no such score.
    """

    def __init__(self, *, dim: int, score: str = "general"):
        super().__init__()
        if score not in SCORES:
            raise unknown("score", score, SCORES)
        self.score = score
        self.key = self.both = self.vote = None
        if score == "general":
            self.key = nn.Linear(dim, dim, bias=False)
        if score == "concat":
            self.both = nn.Linear(2 * dim, dim, bias=False)
            self.vote = nn.Linear(dim, 1, bias=False)

    def forward(
        self,
        queries: Float[Tensor, "b t d"],
        memory: Float[Tensor, "b s d"],
        mask: Bool[Tensor, "b s"] | None = None,
        /,
    ) -> Float[Tensor, "b t d"]:
        """A weighted mean of the encoder's states, for each query."""
        if self.score == "scaled":
            seen = None if mask is None else mask[:, None]
            return F.scaled_dot_product_attention(queries, memory, memory, attn_mask=seen)
        return weighed(self.fits(queries, self.keys(memory)), mask) @ memory

    def keys(self, memory: Float[Tensor, "b s d"], /) -> Float[Tensor, "b s d"]:
        """What can be computed from the memory once, for all queries."""
        if self.key is not None:
            return self.key(memory)
        if self.both is not None:
            return F.linear(memory, self.both.weight[:, memory.shape[2] :])
        return memory

    def fits(
        self, queries: Float[Tensor, "b t d"], keys: Float[Tensor, "b s d"], /
    ) -> Float[Tensor, "b t s"]:
        """The score of each position for each query."""
        if self.both is not None and self.vote is not None:
            own = F.linear(queries, self.both.weight[:, : queries.shape[2]])
            return self.vote(tanh(own[:, :, None] + keys[:, None]))[:, :, :, 0]
        products = torch.bmm(queries, keys.transpose(1, 2))
        return products / queries.shape[2] ** 0.5 if self.score == "scaled" else products
