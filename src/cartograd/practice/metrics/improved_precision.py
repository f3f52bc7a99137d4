"""Improved precision: the share of drawn examples that look like real ones.

A drawn example counts if it lies in the ball of some real one. Alone it says little: one good
example, drawn a thousand times, has a precision of one, and so has the mean of all pictures. It is
read beside recall and coverage.

    mean over drawn x of [x lies in the ball of some real y]

Shapes: features `n d` of drawn and `m d` of real examples.

Departures: none.

References:
    Tuomas Kynkäänniemi, Tero Karras, Samuli Laine, Jaakko Lehtinen, Timo Aila. Improved precision
    and recall metric for assessing generative models. NeurIPS 2019.
    https://arxiv.org/abs/1904.06991

>>> import torch
>>> x = torch.randn(50, 3)
>>> improved_precision(x, x), improved_precision(x + 100, x)
(1.0, 0.0)
"""

from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics.manifolds import within

CARD = Card(
    name="improved-precision",
    kind="sample-metric",
    entry="improved_precision",
    nodes=("gan/vanilla",),
    title="Improved precision",
    zh="改进的精确率",
    better="higher",
    unit="share",
    paper="Improved precision and recall metric for assessing generative models",
    year=2019,
    url="https://arxiv.org/abs/1904.06991",
    proofs=(
        "oracle: the same by scikit-learn's NearestNeighbors, exactly",
        "law: the mean picture has a precision of 1: alone it says nothing",
    ),
)


def improved_precision(
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
    found = within(drawn, real, neighbors=neighbors).any(1)
    return found.double().mean().item()
