"""Pinball loss: how good low end, middle and high end of a forecast are as quantiles.

Each quantile has a loss of its own, which the true quantile makes least: what lies above the 90 %
quantile costs nine times what lies below it by as much. The mean over all quantiles and steps
judges the middle and the width of the interval at once.

    L(q, y) = max(p (y - q), (p - 1) (y - q)),    p = 0.1, 0.5, 0.9

Shapes: outputs (n, steps, 3), targets (n, steps, 3), of which the first is the value.

Departures: none.

References:
    Roger Koenker, Gilbert Bassett. Regression quantiles. Econometrica 46, 1978.
    https://doi.org/10.2307/1913643

>>> import torch
>>> said, right = torch.tensor([[[1.0, 2.0, 3.0]]]), torch.tensor([[[4.0, 0.0, 2.0]]])
>>> round(pinball(said, right), 4)  # (0.1 3 + 0.5 2 + 0.9 1) / 3
0.7333
"""

from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.tasks.forecast import QUANTILES
from cartograd.practice.metrics import given

CARD = Card(
    name="pinball",
    kind="metric",
    entry="pinball",
    nodes=("loss/mae",),
    title="Pinball loss",
    zh="分位数损失",
    better="lower",
    unit="target",
    aliases=("quantile-loss",),
    paper="Regression quantiles",
    year=1978,
    url="https://doi.org/10.2307/1913643",
    proofs=("oracle: sklearn.metrics.mean_pinball_loss of each quantile, to 1e-10",),
)


def pinball(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> float:
    """The mean loss of the three quantiles, in the unit of the values."""
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
    """The mean loss of each window."""
    outputs, (right, *_) = given.forecasts(outputs, targets)
    above = right[:, :, None] - outputs
    share = outputs.new_tensor(QUANTILES)
    return (share * above).maximum((share - 1) * above).mean((1, 2))
