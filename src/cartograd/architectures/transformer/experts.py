"""Mixture of experts: many feed-forward parts, of which each position takes a few.

A router scores the experts for each position; the best few work on it, and their answers are added,
weighted by a softmax of their scores. Weights grow with the number of experts, work does not.

    y = sum_(i in top) p_i expert_i(x),   p = softmax(scores) (normalised: over the top ones alone)

Shapes: positions `b t d`, kept.

Departures: the papers' loss for an even load is not here: these experts are for models that were
trained with it. Experts are modules of their own, as files of Mixtral and Qwen3 have them, so that
whatever works on linear layers (rounding, LoRA) works on them.

References:
    Noam Shazeer et al. Outrageously large neural networks: the sparsely-gated mixture-of-experts
    layer. ICLR 2017. https://arxiv.org/abs/1701.06538
    Albert Jiang et al. Mixtral of experts. 2024. https://arxiv.org/abs/2401.04088
    OpenAI. gpt-oss-120b and gpt-oss-20b model card. 2025 (clamped gates).
    https://arxiv.org/abs/2508.10925

>>> Experts(dim=8, ffn_dim=12, experts=4, k=2)(torch.randn(2, 5, 8)).shape
torch.Size([2, 5, 8])
"""

from collections.abc import Callable, Collection
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.architectures.transformer.feed_forward import FeedForward
from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="experts",
    kind="layer",
    entry="Experts",
    nodes=("transformer/ffn",),
    title="Mixture of experts",
    zh="混合专家层",
    paper="Mixtral of experts",
    year=2024,
    url="https://arxiv.org/abs/2401.04088",
    proofs=(
        "law: the sum of the chosen experts' answers, position by position; with all of them "
        "chosen a mean weighted by the softmax",
    ),
    tiny={"dim": 8, "ffn_dim": 12, "experts": 3, "k": 2},
)

ALPHA, LIMIT = 1.702, 7.0
"""Of gpt-oss: the gain of the gate's sigmoid, and where gate and input are clamped."""


def clamped(gate: Float[Tensor, "... d"], up: Float[Tensor, "... d"], /) -> Float[Tensor, "... d"]:
    """The hidden features of gpt-oss' experts: both sides clamped, one added to what is gated."""
    gate, up = gate.clamp(max=LIMIT), up.clamp(-LIMIT, LIMIT)
    return (up + 1) * gate * (ALPHA * gate).sigmoid()


class Clamped(nn.Module):
    """The gated part of gpt-oss: clamped, with one added to what is gated.

    Args:
        dim: features of a position.
        ffn_dim: hidden size.
    """

    def __init__(self, *, dim: int, ffn_dim: int):
        super().__init__()
        self.gate, self.up = nn.Linear(dim, ffn_dim), nn.Linear(dim, ffn_dim)
        self.down = nn.Linear(ffn_dim, dim)

    def forward(self, x: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """New features of each position."""
        return self.down(clamped(self.gate(x), self.up(x)))


class Experts(nn.Module):
    """Some of many feed-forward parts for each position.

    Args:
        dim: features of a position.
        ffn_dim: hidden size of each expert.
        experts: how many there are.
        k: how many work on each position.
        form: `swiglu`, without biases, or `clamped` as gpt-oss, with biases, also of the router.
        normalised: whether the weights of the chosen experts are made to sum to one.

    Raises:
        UsageError: more are to be chosen than there are.
    """

    def __init__(
        self,
        *,
        dim: int,
        ffn_dim: int,
        experts: int = 8,
        k: int = 2,
        form: Literal["swiglu", "clamped"] = "swiglu",
        normalised: bool = True,
    ):
        super().__init__()
        if k > experts:
            raise UsageError(f"experts: k={k} of experts={experts}; expected no more")
        self.k, self.normalised = k, normalised
        self.router = nn.Linear(dim, experts, bias=form == "clamped")
        self.experts = nn.ModuleList(
            Clamped(dim=dim, ffn_dim=ffn_dim)
            if form == "clamped"
            else FeedForward(dim=dim, ffn_dim=ffn_dim, activation="swiglu", bias=False)
            for _ in range(experts)
        )

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        """New features of each position."""
        rows = x.flatten(0, -2)
        weights, which = chosen(self.router(rows), self.k, normalised=self.normalised)
        return mixed(rows, weights, which, list(self.experts)).view_as(x)


def chosen(
    scores: Float[Tensor, "n d"], k: int, /, *, normalised: bool
) -> tuple[Float[Tensor, "n k"], Int[Tensor, "n k"]]:
    """Weights and numbers of the best experts for each row.

    Args:
        scores: of the router; made probabilities in float32 at least.
        k: how many are taken.
        normalised: whether their weights are made to sum to one.
    """
    wide = scores if scores.dtype == torch.float64 else scores.float()
    weights, which = wide.softmax(1).topk(k, dim=1)
    if normalised:
        weights = weights / weights.sum(1, keepdim=True)
    return weights.to(scores.dtype), which


def mixed(
    rows: Float[Tensor, "n d"], weights: Float[Tensor, "n k"], which: Int[Tensor, "n k"],
    experts: Collection[Callable[[Tensor], Tensor]], /,
) -> Float[Tensor, "n d"]:  # fmt: skip
    """The sum of the chosen experts' answers.

    Args:
        rows: positions.
        weights: of the experts that each row has chosen.
        which: their numbers.
        experts: all of them.
    """
    order = which.flatten().argsort(stable=True)
    sizes = which.flatten().bincount(minlength=len(experts)).tolist()
    there, shares = order // which.shape[1], weights.flatten()[order, None]
    parts = zip(experts, rows[there].split(sizes), strict=True)
    made = [expert(own) for expert, own in parts if len(own)]
    return torch.zeros_like(rows).index_add(0, there, torch.cat(made or [rows]) * shares)
