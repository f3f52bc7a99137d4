"""Neighbour ratio: whether drawn examples are new, or copies of those that were learned from.

How far a drawn example is from the nearest real one, over how far a real one is from the nearest
other real one. New examples of the same kind have about 1; a model that has learned its examples by
heart comes near 0, which no distance of distributions sees. It is to be measured against the
training part: `--part train --metrics neighbour-ratio`.

    median over drawn x of min_y |x - y|  /  median over real y of min_y' |y - y'|,  y' not y

Shapes: features `n d` of drawn and `m d` of real examples.

Departures: medians of plain distances, where the papers have distributions or thresholds of them.

References:
    Casey Meehan, Kamalika Chaudhuri, Sanjoy Dasgupta. A non-parametric test to detect data-copying
    in generative models. AISTATS 2020. https://arxiv.org/abs/2004.05675

>>> import torch
>>> x = torch.randn(50, 3)
>>> neighbour_ratio(x, x)
0.0
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="neighbour-ratio",
    kind="sample-metric",
    entry="neighbour_ratio",
    nodes=("gan/vanilla",),
    title="Neighbour ratio",
    short="NN ratio",
    zh="最近邻比",
    better="higher",
    paper="A non-parametric test to detect data-copying in generative models",
    year=2020,
    url="https://arxiv.org/abs/2004.05675",
    proofs=(
        "oracle: the same by scikit-learn's NearestNeighbors, to 1e-9",
        "law: new draws of the real distribution have 1 within a tenth, copies 0",
    ),
)


def neighbour_ratio(drawn: Float[Tensor, "n d"], real: Float[Tensor, "m d"], /) -> float:
    """The ratio.

    Raises:
        UsageError: there are fewer than two real examples, or most of them are the same.
    """
    if len(real) < 2:
        raise UsageError("neighbour-ratio needs at least two real examples")
    among = _apart(real, real).fill_diagonal_(torch.inf).min(1).values.median()
    if among == 0:
        raise UsageError(
            "neighbour-ratio compares with how far real examples are from each other, and most of "
            "these have a twin; take them without"
        )
    return float(_apart(drawn, real).min(1).values.median() / among)


def _apart(x: Tensor, y: Tensor) -> Tensor:
    exact = "donot_use_mm_for_euclid_dist"  # else a copy is not at distance nought
    return torch.cdist(x.double(), y.double(), compute_mode=exact)
