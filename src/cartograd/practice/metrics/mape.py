"""Mean absolute percentage error: the typical error as a share of the true value.

It has no unit, so errors of different series can be compared. Where a true value is near zero
its share is huge and drowns all others, so such targets are warned about; a forecast that is
too high costs more than one that is too low by the same factor.

    MAPE = (1/n) sum_i |outputs[i] - targets[i]| / |targets[i]|,    averaged over the k outputs

Shapes: outputs and targets (n, k) or (n).

Departures: a share, not times 100; a target of 0 is divided by the smallest step of float64
at 1, about 2e-16. Both as in scikit-learn.

References:
    Rob Hyndman, Anne Koehler. Another look at measures of forecast accuracy. International
    Journal of Forecasting 22, 2006. https://doi.org/10.1016/j.ijforecast.2006.03.001

>>> import torch
>>> mape(torch.tensor([2.0, 5.0]), torch.tensor([1.0, 10.0]))
0.75
"""

import warnings

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics import given

CARD = Card(
    name="mape",
    kind="metric",
    entry="mape",
    nodes=("metric/mape",),
    title="Mean absolute percentage error",
    zh="平均绝对百分比误差",
    better="lower",
    paper="Another look at measures of forecast accuracy",
    year=2006,
    url="https://doi.org/10.1016/j.ijforecast.2006.03.001",
    proofs=(
        "oracle: sklearn.metrics.mean_absolute_percentage_error, to 1e-10",
        "law: without a unit; targets near zero are warned about",
    ),
    evidence={"metric/mape": ("test_scikit_learns", "test_mape_has_no_unit_and_warns_near_zero")},
)

NEAR_ZERO = 1e-3
"""A target smaller than this share of the targets' mean size counts as near zero."""


def mape(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> float:
    """The mean error as a share of the true value; 0.1 is ten per cent.

    Warns where targets are so near zero that their share drowns the others.
    """
    size = given.values(outputs, targets)[1].abs()
    near = size < NEAR_ZERO * size.mean(0)
    if near.any():
        warnings.warn(
            f"{int(near.sum())} of {near.numel()} targets are near zero, where a percentage says "
            "little; mae or rmse do not have this weakness",
            stacklevel=2,
        )
    return weighed(outputs, targets, given.ones(outputs)).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
) -> Float[Tensor, " b"]:
    """The mean absolute percentage error under each weighting of the examples."""
    outputs, targets = given.values(outputs, targets)
    smallest = torch.finfo(torch.float64).eps
    share = (outputs - targets).abs() / targets.abs().clamp(min=smallest)
    return given.mean(weights, share).mean(1)
