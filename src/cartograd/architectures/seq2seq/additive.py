"""Additive attention: the score of a position comes from a small network.

A fixed vector cannot hold a long sentence. Here the decoder attends to all states of the encoder
before each word; a layer of tanh units compares its own state with each of them, and the softmax of
the scores gives the weights of a mean.

    e_ts = v . tanh(W q_t + U m_s)        a_t = softmax_s(e_t)        c_t = sum_s a_ts m_s

Shapes: queries `b t d`, the encoder's states `b s d`; contexts `b t d`, weights `b t s`.

Departures: W has no bias (U's serves both).

References:
    Dzmitry Bahdanau, Kyunghyun Cho, Yoshua Bengio. Neural machine translation by jointly learning
    to align and translate. 2014, ICLR 2015. https://arxiv.org/abs/1409.0473

>>> import torch
>>> AdditiveAttention(dim=8)(torch.zeros(2, 3, 8), torch.zeros(2, 5, 8)).shape
torch.Size([2, 3, 8])
"""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from cartograd.architectures.seq2seq.attend import weighed
from cartograd.core.card import Card
from cartograd.foundations.activations.tanh import tanh

CARD = Card(
    name="additive-attention",
    kind="layer",
    entry="AdditiveAttention",
    nodes=("attention/bahdanau",),
    title="Additive attention",
    zh="加性注意力",
    paper="Neural machine translation by jointly learning to align and translate",
    year=2014,
    url="https://arxiv.org/abs/1409.0473",
    proofs=(
        "oracle: the formula one query and one place at a time, outputs and gradients to 1e-10 in "
        "float64",
        "law: weights sum to 1, and what is masked changes nothing",
    ),
    evidence={
        "attention/bahdanau": (
            "test_equals_the_formula",
            "acceptance:bahdanau-beams",
            "acceptance:attention-long-sentences",
        ),
    },
    tiny={"dim": 8},
)


class AdditiveAttention(nn.Module):
    """Bahdanau's attention.

    Args:
        dim: features of queries, of the encoder's states, and of the hidden layer.
    """

    def __init__(self, *, dim: int):
        super().__init__()
        self.query = nn.Linear(dim, dim, bias=False)
        self.key = nn.Linear(dim, dim)
        self.vote = nn.Linear(dim, 1, bias=False)

    def forward(
        self,
        queries: Float[Tensor, "b t d"],
        memory: Float[Tensor, "b s d"],
        mask: Bool[Tensor, "b s"] | None = None,
        /,
    ) -> Float[Tensor, "b t d"]:
        """A weighted mean of the encoder's states, for each query."""
        return weighed(self.fits(queries, self.keys(memory)), mask) @ memory

    def keys(self, memory: Float[Tensor, "b s d"], /) -> Float[Tensor, "b s d"]:
        """What can be computed from the memory once, for all queries."""
        return self.key(memory)

    def fits(
        self, queries: Float[Tensor, "b t d"], keys: Float[Tensor, "b s d"], /
    ) -> Float[Tensor, "b t s"]:
        """The score of each position for each query."""
        return self.vote(tanh(self.query(queries)[:, :, None] + keys[:, None]))[:, :, :, 0]
