"""Top-p (nucleus): only the likeliest tokens that together hold a share p of the probability.

Where the model is certain, that is one token; where much is possible, hundreds. So the cut follows
the model's uncertainty, which a fixed number of tokens cannot.

    top_p(z)_i = z_i if p(all tokens likelier than i) < p, else -inf

Shapes: logits `b v`, kept.

Departures: none. Tokens that tie with the last one stay, too. The vocabulary is not sorted: the 64
likeliest tokens are looked at, and eight times as many as long as they do not hold the share.

References:
    Ari Holtzman, Jan Buys, Li Du, Maxwell Forbes, Yejin Choi. The curious case of neural text
    degeneration. 2019, ICLR 2020. https://arxiv.org/abs/1904.09751

>>> seen = torch.zeros(1, 0, dtype=torch.int64)
>>> z = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
>>> top_p(z, seen, p=0.7).exp().round(decimals=2).tolist()
[[0.5, 0.30000001192092896, 0.0, 0.0]]
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="top-p",
    kind="token-sampler",
    entry="top_p",
    nodes=("ar/chain-rule", "ar/error-accumulation"),
    title="Top-p (nucleus) sampling",
    zh="核采样 (Top-p)",
    paper="The curious case of neural text degeneration",
    year=2019,
    url="https://arxiv.org/abs/1904.09751",
    proofs=(
        "oracle: transformers.TopPLogitsWarper, the same tokens where no two are equal",
        "law: the tokens that stay hold the share, and without the last of them would not",
    ),
    evidence={
        "ar/chain-rule": ("test_top_p_is_the_smallest_set_that_holds_the_share",),
        "ar/error-accumulation": ("acceptance:error-accumulation",),
    },
    tiny={"p": 0.6},
    renamed={"share": "p"},
)


def top_p(
    logits: Float[Tensor, "b v"], seen: Int[Tensor, "b t"], /, *, p: float = 0.9
) -> Float[Tensor, "b v"]:
    """The logits of the likeliest tokens that hold a share; others become minus infinity.

    Args:
        logits: of the next token, for each row.
        seen: the tokens of each row so far.
        p: probability that the tokens that stay have to hold together.
    """
    if p == 1:
        return logits
    total, vocabulary = logits.logsumexp(1, keepdim=True), logits.shape[1]
    looked = min(64, vocabulary)
    while True:
        best = logits.topk(looked).values
        held = (best - total).exp().cumsum(1)
        if looked == vocabulary or bool((held[:, -1] >= p).all()):
            break
        looked = min(8 * looked, vocabulary)
    likelier = torch.cat([torch.zeros_like(held[:, :1]), held[:, :-1]], 1)
    last = (likelier < p).sum(1, keepdim=True) - 1
    return logits.masked_fill(logits < best.gather(1, last), -torch.inf)
