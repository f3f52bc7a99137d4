"""Mean absolute scaled error: how far a forecast is off, in units of the season before.

An error is divided by how far the value of a season before is off on average, over the training
part of its series. So errors of series of any size can be compared and averaged, also where values
are near zero; below 1 a forecast is better than that simple way was on the training part.

    MASE = mean_t |outputs[t] - y[t]| / u,    u = mean over training of |y[t] - y[t - season]|

Shapes: outputs (n, steps, 3), targets (n, steps, 3): value, that of a season before, u.

Departures: the mean of the windows' means, which is the same for one series.

References:
    Rob Hyndman, Anne Koehler. Another look at measures of forecast accuracy. International
    Journal of Forecasting 22, 2006. https://doi.org/10.1016/j.ijforecast.2006.03.001

>>> import torch
>>> said, right = torch.tensor([[[1.0, 2.0, 3.0]]]), torch.tensor([[[5.0, 0.0, 2.0]]])
>>> mase(said, right)
1.5
"""

from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics import given

CARD = Card(
    name="mase",
    kind="metric",
    entry="mase",
    nodes=("metric/mape",),
    title="Mean absolute scaled error",
    zh="平均绝对标度误差",
    better="lower",
    short="MASE",
    paper="Another look at measures of forecast accuracy",
    year=2006,
    url="https://doi.org/10.1016/j.ijforecast.2006.03.001",
    proofs=("law: by hand; another unit of the series leaves it as it is",),
)


def mase(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> float:
    """The mean absolute error in units of the season before."""
    return weighed(outputs, targets, given.ones(outputs)).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
) -> Float[Tensor, " b"]:
    """The same under each weighting of the windows."""
    return given.mean(weights, each(outputs, targets))


def each(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> Float[Tensor, " n"]:
    """The mean scaled error of each window."""
    outputs, (right, _, unit) = given.forecasts(outputs, targets)
    return ((outputs[:, :, 1] - right).abs() / unit).mean(1)
