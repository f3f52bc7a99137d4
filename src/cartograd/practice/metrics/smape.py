"""Symmetric mean absolute percentage error: an error as a share of forecast and value together.

It lies between 0 and 2 and has no unit. Where both are near zero it says little, and a forecast
that is too low costs more than one that is too high by as much; MASE has neither weakness.

    sMAPE = mean_t 2 |outputs[t] - y[t]| / (|outputs[t]| + |y[t]|)

Shapes: outputs (n, steps, 3), targets (n, steps, 3), of which the first is the value.

Departures: a share, not times 100; 0 where forecast and value are both 0.

References:
    Spyros Makridakis. Accuracy measures: theoretical and practical concerns. International Journal
    of Forecasting 9, 1993. https://doi.org/10.1016/0169-2070(93)90079-3

>>> import torch
>>> said, right = torch.tensor([[[1.0, 2.0, 3.0]]]), torch.tensor([[[6.0, 0.0, 2.0]]])
>>> smape(said, right)
1.0
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics import given

CARD = Card(
    name="smape",
    kind="metric",
    entry="smape",
    nodes=("metric/mape",),
    title="Symmetric mean absolute percentage error",
    zh="对称平均绝对百分比误差",
    better="lower",
    short="sMAPE",
    paper="Accuracy measures: theoretical and practical concerns",
    year=1993,
    url="https://doi.org/10.1016/0169-2070(93)90079-3",
    proofs=("law: by hand; 2 at most, 0 where both are 0, the same either way round",),
)


def smape(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> float:
    """The mean error as a share of half of forecast and value; 0.1 is ten per cent."""
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
    """The mean share of each window."""
    outputs, (right, *_) = given.forecasts(outputs, targets)
    middle = outputs[:, :, 1]
    both = middle.abs() + right.abs()
    share = 2 * (middle - right).abs() / both.clamp(min=torch.finfo(torch.float64).tiny)
    return share.mean(1)
