"""No repeated n-grams: what would make the same few tokens in a row a second time is forbidden.

Summaries by a beam search fall into loops, and people hardly ever write the same three words twice
in a summary. So a token is ruled out where it would end an n-gram that the text has already.

    z_i = -inf   if (t_m-n+2, ..., t_m, i) stands somewhere in t_1 ... t_m

Shapes: logits `b v`, kept; tokens seen `b t`, where -1 is padding and in no n-gram.

Departures: where every token that is left would be forbidden, none is.

References:
    Romain Paulus, Caiming Xiong, Richard Socher. A deep reinforced model for abstractive
    summarization. 2017, ICLR 2018 (trigrams). https://arxiv.org/abs/1705.04304

>>> z, seen = torch.zeros(1, 4), torch.tensor([[1, 2, 3, 1, 2]])
>>> no_repeat_ngram(z, seen, ngram=3).tolist()
[[0.0, 0.0, 0.0, -inf]]
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="no-repeat-ngram",
    kind="token-sampler",
    entry="no_repeat_ngram",
    nodes=("ar/chain-rule",),
    title="No repeated n-grams",
    zh="禁止重复 n 元组",
    paper="A deep reinforced model for abstractive summarization",
    year=2017,
    url="https://arxiv.org/abs/1705.04304",
    proofs=(
        "oracle: transformers.NoRepeatNGramLogitsProcessor, the same tokens forbidden",
        "law: a text written so has no n-gram twice",
    ),
    tiny={"ngram": 1},
)


def no_repeat_ngram(
    logits: Float[Tensor, "b v"], seen: Int[Tensor, "b t"], /, *, ngram: int = 3
) -> Float[Tensor, "b v"]:
    """Logits without the tokens that would repeat an n-gram.

    Args:
        logits: of the next token, for each row.
        seen: the tokens of each row so far.
        ngram: how many tokens in a row may not come twice.
    """
    t, v = seen.shape[1], logits.shape[1]
    if t < ngram:
        return logits
    there = seen.unfold(1, ngram, 1)
    end = seen[:, t + 1 - ngram :]
    again = (there[..., :-1] == end[:, None]).all(-1) & (there >= 0).all(-1)
    places = there[..., -1].where(again, v)
    banned = torch.zeros(len(logits), v + 1, dtype=torch.bool, device=logits.device)
    banned = banned.scatter_(1, places, value=True)[:, :-1]
    less = logits.masked_fill(banned, -torch.inf)
    return torch.where(less.isfinite().any(1, keepdim=True), less, logits)
