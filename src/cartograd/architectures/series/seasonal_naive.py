"""Seasonal naive forecast: every step to come is as it was a season before.

The yardstick of forecasts: this month as the same month last year, this hour as the same hour
yesterday. MASE is counted in its errors.

    y[t + h] = y[t + h - m (floor((h - 1) / m) + 1)],    h = 1, 2, ...

Shapes: inputs `b c s`, of which the first channel is the target; answers `b t 3`.

Departures: intervals are learned quantiles, of the window's own scale, in place of those of normal
errors; covariates are not looked at.

References:
    R. Hyndman, G. Athanasopoulos: Forecasting: Principles and Practice, section 5.2, 3rd edition,
    2021. https://otexts.com/fpp3/simple-methods.html

>>> import torch
>>> SeasonalNaive(horizon=3, season=2)(torch.tensor([[[9.0, 1.0, 3.0]]]))[0, :, 1].round().tolist()
[1.0, 3.0, 1.0]
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.architectures.series.ends import Ends, scaled
from cartograd.core.card import Card

CARD = Card(
    name="seasonal-naive",
    kind="model",
    entry="SeasonalNaive",
    nodes=("neuron",),
    title="Seasonal naive forecast",
    zh="季节性朴素预测",
    paper="Forecasting: Principles and Practice, section 5.2",
    year=2021,
    url="https://otexts.com/fpp3/simple-methods.html",
    proofs=("law: what the targets of the data tell of the season before; of season 1 naive",),
    tiny={"horizon": 3, "season": 4},
    objective="forecast",
    settings={"epochs": 1},
)


class SeasonalNaive(nn.Module):
    """The value of a season before, for every step.

    Args:
        horizon: steps to come.
        season: steps after which things repeat.
    """

    kinds = ("series",)

    def __init__(self, *, horizon: int, season: int):
        super().__init__()
        self.back = [step % season - season for step in range(horizon)]
        self.widths = nn.Parameter(torch.zeros(horizon, 2))
        self.ends = Ends(horizon)

    def forward(self, x: Float[Tensor, "b c s"]) -> Float[Tensor, "b t 3"]:
        """Low end, middle and high end of each step."""
        z, level, spread = scaled(x)
        before = torch.stack([z[:, 0, place] for place in self.back], 1)
        below, above = self.widths.unbind(1)
        said = torch.stack([below.expand_as(before), before, above.expand_as(before)], 2)
        return self.ends(said, level, spread)
