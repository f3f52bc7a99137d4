"""Min-p: only tokens at least a certain share as likely as the likeliest.

The cut follows how certain the model is, as that of top-p does, but by single probabilities and not
by sums; so a high temperature, which lifts the whole tail, lets in fewer bad tokens.

    min_p(z)_i = z_i if p_i >= p * max p, else -inf     (z_i >= max z + log p)

Shapes: logits `b v`, kept.

Departures: none; no probability has to be computed.

References:
    Minh Nguyen, Andrew Baker, Clement Neo, Allen Roush, Andreas Kirsch, Ravid Shwartz-Ziv. Turning
    up the heat: min-p sampling for creative and coherent LLM outputs. 2024, ICLR 2025.
    https://arxiv.org/abs/2407.01082

>>> seen = torch.zeros(1, 0, dtype=torch.int64)
>>> z = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
>>> min_p(z, seen, p=0.25).isfinite().tolist()
[[True, True, True, False]]
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="min-p",
    kind="token-sampler",
    entry="min_p",
    nodes=("ar/chain-rule",),
    title="Min-p sampling",
    zh="Min-p 采样",
    paper="Turning up the heat: min-p sampling for creative and coherent LLM outputs",
    year=2024,
    url="https://arxiv.org/abs/2407.01082",
    proofs=(
        "oracle: transformers.MinPLogitsWarper, the same tokens",
        "law: the likeliest token stays; a share of one leaves only it and its equals",
    ),
    tiny={"p": 0.3},
    renamed={"share": "p"},
)


def min_p(
    logits: Float[Tensor, "b v"], seen: Int[Tensor, "b t"], /, *, p: float = 0.05
) -> Float[Tensor, "b v"]:
    """The logits of tokens not much less likely than the best; others become minus infinity.

    Args:
        logits: of the next token, for each row.
        seen: the tokens of each row so far.
        p: least probability of a token that stays, in units of the likeliest one's.
    """
    least = logits.amax(1, keepdim=True) + math.log(p)
    return logits.masked_fill(logits < least, -torch.inf)
