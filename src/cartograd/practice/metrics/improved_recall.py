"""Improved recall: the share of real examples of which the drawn ones have the like.

A real example counts if it lies in the ball of some drawn one. A few drawn examples far from all
others have balls that take in everything: coverage does not fall for that.

    mean over real y of [y lies in the ball of some drawn x]

Shapes: features `n d` of drawn and `m d` of real examples.

Departures: none.

References:
    Tuomas Kynkäänniemi, Tero Karras, Samuli Laine, Jaakko Lehtinen, Timo Aila. Improved precision
    and recall metric for assessing generative models. NeurIPS 2019.
    https://arxiv.org/abs/1904.06991

>>> import torch
>>> x = torch.randn(50, 3)
>>> improved_recall(x, x), improved_recall(x + 100, x)
(1.0, 0.0)
"""

from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics.manifolds import within

CARD = Card(
    name="improved-recall",
    kind="sample-metric",
    entry="improved_recall",
    nodes=("gan/vanilla",),
    title="Improved recall",
    zh="改进的召回率",
    better="higher",
    unit="share",
    paper="Improved precision and recall metric for assessing generative models",
    year=2019,
    url="https://arxiv.org/abs/1904.06991",
    proofs=("oracle: the same by scikit-learn's NearestNeighbors, exactly",),
)


def improved_recall(
    drawn: Float[Tensor, "n d"], real: Float[Tensor, "m d"], /, *, neighbors: int = 3
) -> float:
    """The share.

    Args:
        drawn: features of drawn examples.
        real: of real ones.
        neighbors: to which of its set's neighbours a ball reaches.

    Raises:
        UsageError: a set has not so many examples.
    """
    found = within(real, drawn, neighbors=neighbors).any(1)
    return found.double().mean().item()
