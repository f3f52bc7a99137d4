"""Naive forecast: every step to come is as the last one.

Hard to beat where a series walks at random, as prices do; the least that a forecast has to be
compared with. The widths of the intervals are learned: one below and one above for each step.

    y[t + h] = y[t]

Shapes: inputs `b c s`, of which the first channel is the target; answers `b t 3`.

Departures: intervals are learned quantiles, of the window's own scale, in place of those of normal
errors; covariates are not looked at.

References:
    R. Hyndman, G. Athanasopoulos: Forecasting: Principles and Practice, section 5.2, 3rd edition,
    2021. https://otexts.com/fpp3/simple-methods.html

>>> import torch
>>> Naive(horizon=2)(torch.tensor([[[1.0, 3.0, 2.0]]]))[0, :, 1]
tensor([2., 2.], grad_fn=<SelectBackward0>)
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.architectures.series.ends import Ends, scaled
from cartograd.core.card import Card

CARD = Card(
    name="naive",
    kind="model",
    entry="Naive",
    nodes=("neuron",),
    title="Naive forecast",
    zh="朴素预测",
    paper="Forecasting: Principles and Practice, section 5.2",
    year=2021,
    url="https://otexts.com/fpp3/simple-methods.html",
    proofs=("law: the last value, whatever was before; nothing but widths is learned",),
    tiny={"horizon": 3},
    objective="forecast",
    settings={"epochs": 1},
)


class Naive(nn.Module):
    """The last value for every step.

    Args:
        horizon: steps to come.
    """

    kinds = ("series",)

    def __init__(self, *, horizon: int):
        super().__init__()
        self.widths = nn.Parameter(torch.zeros(horizon, 2))
        self.ends = Ends(horizon)

    def forward(self, x: Float[Tensor, "b c s"]) -> Float[Tensor, "b t 3"]:
        """Low end, middle and high end of each step."""
        z, level, spread = scaled(x)
        last = z[:, 0, -1:].expand(-1, len(self.widths))
        below, above = self.widths.unbind(1)
        said = torch.stack([below.expand_as(last), last, above.expand_as(last)], 2)
        return self.ends(said, level, spread)
