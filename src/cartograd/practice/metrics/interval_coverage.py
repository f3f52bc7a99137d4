"""Coverage of intervals: how often the value lies between the low and the high end.

An interval that promises 80 % should hold 80 % of the values: fewer and it is too sure, more and it
is wider than it need be. So it is a rate to compare with what was promised, not to raise: the
pinball loss says whether intervals are also narrow.

    C = mean_t [low[t] <= y[t] <= high[t]]

Shapes: outputs (n, steps, 3), targets (n, steps, 3), of which the first is the value.

Departures: none.

References:
    Peter Christoffersen. Evaluating interval forecasts. International Economic Review 39, 1998.
    https://doi.org/10.2307/2527341

>>> import torch
>>> said, right = torch.tensor([[[1.0, 2.0, 3.0]] * 2]), torch.tensor([[[2.5, 0, 1], [4.0, 0, 1]]])
>>> interval_coverage(said, right)
0.5
"""

from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics import given

CARD = Card(
    name="interval-coverage",
    kind="metric",
    entry="interval_coverage",
    nodes=("metric/calibration",),
    title="Coverage of the intervals (80 % are promised)",
    zh="区间覆盖率（承诺 80 %）",
    better="higher",
    unit="%",
    short="Coverage of 80 % intervals",
    paper="Evaluating interval forecasts",
    year=1998,
    url="https://doi.org/10.2307/2527341",
    proofs=("law: by hand; true quantiles of a normal distribution cover what they promise",),
)


def interval_coverage(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> float:
    """The share of values within their interval, over all steps."""
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
    """The share of each window's steps that are within."""
    outputs, (right, *_) = given.forecasts(outputs, targets)
    within = (outputs[:, :, 0] <= right) & (right <= outputs[:, :, 2])
    return within.double().mean(1)
