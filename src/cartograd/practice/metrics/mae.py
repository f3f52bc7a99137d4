"""Mean absolute error: the typical size of an error, each weighing by its size.

It is in the unit of the target and less moved by a few wild errors than the squared one; the
median of the target's distribution minimises it.

    MAE = (1/n) sum_i |outputs[i] - targets[i]|,    averaged over the k outputs

Shapes: outputs and targets (n, k) or (n).

Departures: none from scikit-learn.

References:
    Cort Willmott, Kenji Matsuura. Advantages of the mean absolute error (MAE) over the root mean
    square error (RMSE). Climate Research 30, 2005. https://doi.org/10.3354/cr030079

>>> import torch
>>> mae(torch.tensor([2.0, 5.0]), torch.tensor([1.0, 2.0]))
2.0
"""

from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics import given

CARD = Card(
    name="mae",
    kind="metric",
    entry="mae",
    nodes=("loss/mae",),
    title="Mean absolute error",
    zh="平均绝对误差",
    better="lower",
    unit="target",
    aliases=("mean-absolute-error",),
    paper="Advantages of the mean absolute error (MAE) over the root mean square error (RMSE)",
    year=2005,
    url="https://doi.org/10.3354/cr030079",
    proofs=(
        "oracle: sklearn.metrics.mean_absolute_error, to 1e-10",
        "law: in the unit of the target; the median is the best constant",
    ),
)


def mae(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> float:
    """The mean size of an error, in the unit of the targets."""
    return weighed(outputs, targets, given.ones(outputs)).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
) -> Float[Tensor, " b"]:
    """The mean absolute error under each weighting of the examples."""
    return of_mean(given.mean(weights, each(outputs, targets)))


def each(
    outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /
) -> Float[Tensor, "n m"]:
    """The sizes of each example's errors."""
    outputs, targets = given.values(outputs, targets)
    return (outputs - targets).abs()


def of_mean(mean: Float[Tensor, "... m"], /) -> Float[Tensor, "..."]:
    """From the mean of `each` over the examples to the metric."""
    return mean.mean(-1)
