"""Top-k: only the k likeliest tokens can be sampled.

The tail of unlikely tokens is long, and sampled often enough to derail a text. It is cut off at a
fixed number of tokens, however certain or uncertain the model is.

    top_k(z)_i = z_i if z_i >= the k-th largest of z, else -inf

Shapes: logits `b v`, kept.

Departures: none. Tokens that tie with the k-th stay, too: nothing tells them apart.

References:
    Angela Fan, Mike Lewis, Yann Dauphin. Hierarchical neural story generation. ACL 2018.
    https://arxiv.org/abs/1805.04833

>>> seen = torch.zeros(1, 0, dtype=torch.int64)
>>> top_k(torch.tensor([[1.0, 4.0, 2.0, 3.0]]), seen, k=2).tolist()
[[-inf, 4.0, -inf, 3.0]]
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="top-k",
    kind="token-sampler",
    entry="top_k",
    nodes=("ar/chain-rule",),
    title="Top-k sampling",
    zh="Top-k 采样",
    paper="Hierarchical neural story generation",
    year=2018,
    url="https://arxiv.org/abs/1805.04833",
    proofs=(
        "oracle: transformers.TopKLogitsWarper, the same tokens, ties included",
        "law: k tokens stay where no two are equal, and their odds do not change",
    ),
    evidence={"ar/chain-rule": ("test_top_k_keeps_k_and_their_odds",)},
    tiny={"k": 2},
    renamed={"top": "k"},
)


def top_k(
    logits: Float[Tensor, "b v"], seen: Int[Tensor, "b t"], /, *, k: int = 50
) -> Float[Tensor, "b v"]:
    """The logits of the `k` likeliest tokens; all others become minus infinity.

    Args:
        logits: of the next token, for each row.
        seen: the tokens of each row so far.
        k: how many of the likeliest tokens stay.
    """
    if k >= logits.shape[1]:
        return logits
    least = logits.topk(k, sorted=False).values.amin(1, keepdim=True)
    return logits.masked_fill(logits < least, -torch.inf)
