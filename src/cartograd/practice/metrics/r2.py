"""R squared: the share of the targets' variance that the outputs explain.

1 is perfect, 0 is as good as always answering the mean of these targets, below 0 is worse than
that. It has no unit, but depends on how much the targets vary.

    R^2 = 1 - sum_i (targets[i] - outputs[i])^2 / sum_i (targets[i] - mean)^2,    averaged over k

Shapes: outputs and targets (n, k) or (n).

Departures: where the targets do not vary it is 1 for exact outputs and 0 for others, as in
scikit-learn.

References:
    Nico Nagelkerke. A note on a general definition of the coefficient of determination.
    Biometrika 78, 1991. https://doi.org/10.1093/biomet/78.3.691

>>> r2(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.0, 2.0, 3.0]))
0.5
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics import given
from cartograd.practice.metrics.influence import Scale

CARD = Card(
    name="r2",
    kind="metric",
    entry="r2",
    nodes=("metric/r2",),
    title="R squared",
    zh="决定系数",
    better="higher",
    short="R²",
    aliases=("r-squared",),
    paper="A note on a general definition of the coefficient of determination",
    year=1991,
    url="https://doi.org/10.1093/biomet/78.3.691",
    proofs=(
        "oracle: sklearn.metrics.r2_score also far from zero and for constant targets, to 1e-10",
        "law: 0 for the mean of the targets, 1 for the targets; the same in any unit",
    ),
    evidence={"metric/r2": ("test_scikit_learns",)},
)

SCALE: Scale = "log of 1 -"
"""On which its interval is made."""


def r2(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> float:
    """The share of the targets' variance that the outputs explain."""
    return weighed(outputs, targets, given.ones(outputs)).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
) -> Float[Tensor, " b"]:
    """The R squared under each weighting of the examples."""
    outputs, targets = given.values(outputs, targets)
    missed = given.mean(weights, (outputs - targets).square())
    # Counted from their middle one, targets far from zero lose no digits, equal ones are exactly 0.
    centred = targets - targets.median(0).values
    spread = given.mean(weights, centred.square()) - given.mean(weights, centred).square()
    constant = torch.where(missed > 0, 0.0, 1.0)
    return torch.where(spread > 0, 1 - missed / spread, constant).mean(1)
