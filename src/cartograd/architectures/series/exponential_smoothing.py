"""Exponential smoothing (Holt, Winters): level, trend and season, each corrected by errors.

At each step the next value is said, and the error moves level, trend and season by a share each.
What is said of the steps to come is then a weighted sum of the past, whose weights fall
exponentially and which four numbers settle: these are learned by gradient, through the recursion.

    y^ = l + phi b + s[-m],   e = y - y^
    l <- l + phi b + alpha e,   b <- phi b + beta e,   s <- s[-m] + gamma e
    y[t + h] = l + (phi + ... + phi^h) b + s[t + h - m]

Shapes: inputs `b c s`, of which the first channel is the target; answers `b t 3`.

Departures: the trend is damped by a learned phi near 1 (ETS(A, Ad, A)); the shares are the same for
all series and learned by the objective, not by likelihood for each; the first states are simple
means of the first one or two seasons; intervals are learned quantiles; covariates are not looked
at. Of season 1 there is no season.

References:
    Peter Winters. Forecasting sales by exponentially weighted moving averages. Management Science
    6, 1960. https://doi.org/10.1287/mnsc.6.3.324
    Rob Hyndman, Anne Koehler, Ralph Snyder, Simone Grose. A state space framework for automatic
    forecasting using exponential smoothing methods. International Journal of Forecasting 18, 2002.
    https://doi.org/10.1016/S0169-2070(01)00110-8

>>> model = ExponentialSmoothing(horizon=2, season=1, context=6)
>>> [round(v, 1) for v in model(torch.arange(6.0)[None, None])[0, :, 1].tolist()]
[5.9, 6.9]
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.architectures.series.ends import Ends, scaled
from cartograd.core.card import Card

CARD = Card(
    name="exponential-smoothing",
    kind="model",
    entry="ExponentialSmoothing",
    nodes=("neuron",),
    title="Exponential smoothing (Holt-Winters)",
    zh="指数平滑（Holt-Winters）",
    aliases=("holt-winters", "ets"),
    paper="Forecasting sales by exponentially weighted moving averages",
    year=1960,
    url="https://doi.org/10.1287/mnsc.6.3.324",
    proofs=(
        "oracle: statsmodels' ETSModel (A, Ad, A) from the same states and shares, its kept "
        "forecasts to 1e-9",
        "law: what repeats exactly, on a line, is forecast exactly",
    ),
    tiny={"context": 12, "horizon": 3, "season": 4},
    objective="forecast",
)


class ExponentialSmoothing(nn.Module):
    """Level, damped trend and season, whose shares of the errors are learned.

    Args:
        context: steps of the past.
        horizon: steps to come.
        season: steps after which things repeat; 1 for no season.
    """

    kinds = ("series",)

    def __init__(self, *, context: int, horizon: int, season: int):
        super().__init__()
        self.context, self.horizon, self.season = context, horizon, season
        self.shares = nn.Parameter(torch.tensor([0.0, -2.0, -1.0, 3.0]))  # before the sigmoid
        self.widths = nn.Parameter(torch.zeros(horizon, 2))
        self.ends = Ends(horizon)

    def forward(self, x: Float[Tensor, "b c s"]) -> Float[Tensor, "b t 3"]:
        """Low end, middle and high end of each step."""
        z, level, spread = scaled(x)
        middle = self.forecast(z[:, 0], self.first(z[:, 0]))
        below, above = self.widths.unbind(1)
        said = torch.stack([below.expand_as(middle), middle, above.expand_as(middle)], 2)
        return self.ends(said, level, spread)

    def constants(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Alpha, beta, gamma and phi: beta below alpha, gamma below 1 - alpha, phi above 0.8."""
        alpha, beta, gamma, phi = self.shares.sigmoid().unbind()
        return alpha, alpha * beta, (1 - alpha) * gamma, 0.8 + 0.2 * phi

    def first(self, y: Float[Tensor, "b s"], /) -> Float[Tensor, "b d"]:
        """The states before the first step: level, trend, and the season in its order."""
        m = self.season
        level = y[:, :m].mean(1, keepdim=True)
        trend = torch.zeros_like(level)
        if self.context >= 2 * m:
            trend = (y[:, m : 2 * m].mean(1, keepdim=True) - level) / m
        middle = level + trend * (torch.arange(m, dtype=y.dtype, device=y.device) - (m - 1) / 2)
        season = y[:, :m] - middle
        return torch.cat([level - trend * (m + 1) / 2, trend, season], 1)

    def forecast(
        self, y: Float[Tensor, "b s"], first: Float[Tensor, "b d"], /
    ) -> Float[Tensor, "b t"]:
        """The steps to come, from the states before the first step.

        The recursion is linear in the past. So it is run once, backwards and on the four constants
        alone, which gives the weight of each step of the past; a batch costs one product.
        """
        says, moves, gain = self._matrices(y)
        ahead, row = [], says
        for _ in range(self.horizon):
            ahead.append(row)
            row = row @ moves
        weights, after = [], torch.stack(ahead)
        corrected = moves - gain[:, None] * says
        for _ in range(self.context):
            weights.append(after @ gain)
            after = after @ corrected
        return y @ torch.stack(weights[::-1]) + first @ after.T

    def _matrices(self, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the states say of the next value, how they move on, and how an error moves them."""
        alpha, beta, gamma, phi = self.constants()
        size = self.season + 2
        one, zero = like.new_ones(()), like.new_zeros(())
        says = torch.stack([one, phi, one, *[zero] * (size - 3)])
        turn = torch.eye(self.season, dtype=like.dtype, device=like.device).roll(1, 1)
        top = torch.stack([one, phi, zero, phi]).reshape(2, 2)
        moves = torch.cat(
            [
                torch.cat([top, like.new_zeros(2, self.season)], 1),
                torch.cat([like.new_zeros(self.season, 2), turn], 1),
            ]
        )
        seasonal = gamma if self.season > 1 else zero * gamma
        gain = torch.stack([alpha, beta, *[zero] * (size - 3), seasonal])
        return says, moves, gain
