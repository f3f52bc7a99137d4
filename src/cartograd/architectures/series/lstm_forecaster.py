"""LSTM forecaster: a memory reads the past step by step, and says all steps to come at once.

What the cells hold after the last step is what is known of the series; one layer makes low end,
middle and high end of each step of it, so that errors of one step do not feed the next.

    h_1, ..., h_s = LSTM(x_1, ..., x_s),    (low, middle, high)_1..t = W h_s + b

Shapes: inputs `b c s`: the target, covariates, and what is known of the step a horizon later;
answers `b t 3`.

Departures: direct forecasts of all steps (as in the multi-horizon quantile forecaster) in place of
one step at a time; each window is scaled by its own mean and deviation.

References:
    Sepp Hochreiter, Jürgen Schmidhuber. Long short-term memory. Neural Computation 9, 1997.
    https://doi.org/10.1162/neco.1997.9.8.1735
    Ruofeng Wen, Kari Torkkola, Balakrishnan Narayanaswamy, Dhruv Madeka. A multi-horizon quantile
    recurrent forecaster. 2017. https://arxiv.org/abs/1711.11053

>>> import torch
>>> LSTMForecaster(channels=2, horizon=3, dim=8)(torch.randn(5, 2, 12)).shape
torch.Size([5, 3, 3])
"""

from jaxtyping import Float
from torch import Tensor, nn

from cartograd.architectures.rnn.lstm import recurrence
from cartograd.architectures.series.ends import Ends, scaled
from cartograd.core.card import Card

CARD = Card(
    name="lstm-forecaster",
    kind="model",
    entry="LSTMForecaster",
    nodes=("rnn/lstm",),
    title="LSTM forecaster",
    zh="LSTM 预测模型",
    paper="A multi-horizon quantile recurrent forecaster",
    year=2017,
    url="https://arxiv.org/abs/1711.11053",
    proofs=(
        "oracle: torch.nn.LSTM and a linear layer on the scaled window, to 1e-12 in float64",
        "law: another unit of the series is another unit of the forecast",
    ),
    tiny={"channels": 2, "horizon": 3, "dim": 8},
    objective="forecast",
)


class LSTMForecaster(nn.Module):
    """LSTM cells over the past, and a layer for the steps to come.

    Args:
        channels: columns of the series.
        horizon: steps to come.
        dim: features of the state.
        depth: number of layers.
        dropout: probability that a number between two layers is set to zero in training.
    """

    kinds = ("series",)

    def __init__(
        self, *, channels: int, horizon: int, dim: int = 64, depth: int = 1, dropout: float = 0.0
    ):
        super().__init__()
        self.memory = recurrence(channels, dim, depth=depth, dropout=dropout)
        self.head = nn.Linear(dim, 3 * horizon)
        self.ends = Ends(horizon)

    def forward(self, x: Float[Tensor, "b c s"]) -> Float[Tensor, "b t 3"]:
        """Low end, middle and high end of each step."""
        z, level, spread = scaled(x)
        said = self.head(self.memory.ends(z.mT)).unflatten(1, (-1, 3))
        return self.ends(said, level, spread)
