"""Greedy decoding: always the likeliest token.

The answer is the same each time and is often the best for short ones; long ones tend to repeat
themselves, since the likeliest continuation of a loop is the loop.

    greedy(z)_i = z_i if i = argmax z, else -inf

Shapes: logits `b v`, kept.

Departures: none. Of equal logits the first is taken. `generate` without a generator takes the
likeliest token by itself.

References:
    Ilya Sutskever, Oriol Vinyals, Quoc Le. Sequence to sequence learning with neural networks.
    NIPS 2014. https://arxiv.org/abs/1409.3215

>>> seen = torch.zeros(1, 0, dtype=torch.int64)
>>> greedy(torch.tensor([[1.0, 3.0, 2.0]]), seen).tolist()
[[-inf, 3.0, -inf]]
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="greedy",
    kind="token-sampler",
    entry="greedy",
    nodes=("ar/chain-rule", "seq2seq/encoder-decoder"),
    title="Greedy decoding",
    zh="贪心解码",
    paper="Sequence to sequence learning with neural networks",
    year=2014,
    url="https://arxiv.org/abs/1409.3215",
    proofs=(
        "oracle: numpy.argmax, of equal logits the first",
        "law: what is drawn is the likeliest token, whatever the generator",
    ),
)


def greedy(logits: Float[Tensor, "b v"], seen: Int[Tensor, "b t"], /) -> Float[Tensor, "b v"]:
    """The largest logit of each row; all others become minus infinity."""
    best = logits.argmax(1, keepdim=True)
    return torch.full_like(logits, -torch.inf).scatter(1, best, logits.gather(1, best))
