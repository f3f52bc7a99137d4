"""Root mean squared error: the typical size of an error, large errors weighing more.

It is in the unit of the target. Squaring makes one error of ten as bad as a hundred errors of
one; the mean of the target's distribution minimises it.

    RMSE = sqrt((1/n) sum_i (outputs[i] - targets[i])^2),    averaged over the k outputs

Shapes: outputs and targets (n, k) or (n).

Departures: none from scikit-learn.

References:
    Cort Willmott, Kenji Matsuura. Advantages of the mean absolute error (MAE) over the root mean
    square error (RMSE). Climate Research 30, 2005. https://doi.org/10.3354/cr030079

>>> import torch
>>> round(rmse(torch.tensor([2.0, 5.0]), torch.tensor([1.0, 2.0])), 4)
2.2361
"""

from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics import given
from cartograd.practice.metrics.influence import Scale

CARD = Card(
    name="rmse",
    kind="metric",
    entry="rmse",
    nodes=("metric/rmse",),
    title="Root mean squared error",
    zh="均方根误差",
    better="lower",
    unit="target",
    paper="Advantages of the mean absolute error (MAE) over the root mean square error (RMSE)",
    year=2005,
    url="https://doi.org/10.3354/cr030079",
    proofs=(
        "oracle: sklearn.metrics.root_mean_squared_error, to 1e-10",
        "law: in the unit of the target, and never below the mean absolute error",
    ),
    evidence={"metric/rmse": ("test_scikit_learns",)},
)

SCALE: Scale = "square"
"""On which its interval is made."""


def rmse(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> float:
    """The root of the mean squared error, in the unit of the targets."""
    return weighed(outputs, targets, given.ones(outputs)).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
) -> Float[Tensor, " b"]:
    """The root mean squared error under each weighting of the examples."""
    return of_mean(given.mean(weights, each(outputs, targets)))


def each(
    outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /
) -> Float[Tensor, "n m"]:
    """The squares of each example's errors."""
    outputs, targets = given.values(outputs, targets)
    return (outputs - targets).square()


def of_mean(mean: Float[Tensor, "... m"], /) -> Float[Tensor, "..."]:
    """From the mean of `each` over the examples to the metric."""
    return mean.sqrt().mean(-1)
