"""Stochastic depth: in training a residual block is skipped at random, for each example anew.

Where dropout thins layers, this shortens the network: gradients reach the first layers on shorter
ways, and the full depth of evaluation is an average over networks of many depths. What is kept is
divided by the share that is kept, so that the expectation stays the same.

    h + branch(h) m / (1 - p),    m = 0 with probability p for a whole example, else 1

Shapes: the branch's output `b ...`, kept; it is called on the branch, before the sum.

Departures: the paper scales in evaluation and skips for a whole batch; this is today's form, in
which each example skips independently. How p rises with depth is set by the network.

References:
    Gao Huang, Yu Sun, Zhuang Liu, Daniel Sedra, Kilian Weinberger. Deep networks with stochastic
    depth. ECCV 2016. https://arxiv.org/abs/1603.09382

>>> import torch
>>> layer = StochasticDepth(drop_path=0.5)
>>> rows = layer(torch.ones(100, 3))
>>> sorted(set(map(tuple, rows.tolist())))
[(0.0, 0.0, 0.0), (2.0, 2.0, 2.0)]
"""

from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card

CARD = Card(
    name="stochastic-depth",
    kind="regulariser",
    entry="StochasticDepth",
    nodes=("regularize/dropout",),
    title="Stochastic depth",
    zh="随机深度",
    paper="Deep networks with stochastic depth",
    year=2016,
    url="https://arxiv.org/abs/1603.09382",
    proofs=(
        "oracle: torchvision.ops.stochastic_depth by row, the same numbers and gradients from the "
        "same seed",
        "law: an example is kept or dropped as a whole; the expectation is the branch",
    ),
    renamed={"dropout": "drop_path"},
)


class StochasticDepth(nn.Module):
    """Keeps or drops the branch of a residual block, example by example.

    Args:
        drop_path: probability that an example's branch is dropped.
    """

    def __init__(self, *, drop_path: float = 0.2):
        super().__init__()
        self.drop_path = drop_path

    def forward(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """In training the branch with examples dropped, in evaluation the branch."""
        if not self.training or not self.drop_path:
            return x
        kept = x.new_empty(len(x), *[1] * (x.ndim - 1)).bernoulli_(1 - self.drop_path)
        return x * (kept / (1 - self.drop_path))
