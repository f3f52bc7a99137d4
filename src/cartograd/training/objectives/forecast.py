"""Forecasting: learn the quantiles of the steps to come.

The model answers each step with a low end, a middle and a high end. Each is taught by the pinball
loss of its quantile, 10, 50 and 90 per cent, so that 80 % of the values come to lie between the
ends. Errors are counted in those of the season before, as MASE does, so that series of any size
weigh alike. At the end of a training the validation part, which was not learned from, says by how
much the intervals have to be stretched to hold what they promise.

    L = 2 / (3 T) sum_t sum_p max(p (y[t] - q_p[t]), (p - 1) (y[t] - q_p[t])) / u

Shapes: a batch is (inputs ..., targets): inputs `b ...`, targets `b t 3`: value, that of a season
before, u; the model's answers are `b t 3`.

Departures: the mean over three quantiles in place of one; times 2, so that the middle's share is
its absolute error.

References:
    Roger Koenker, Gilbert Bassett. Regression quantiles. Econometrica 46, 1978.
    https://doi.org/10.2307/1913643
    Yaniv Romano, Evan Patterson, Emmanuel Candès. Conformalized quantile regression. NeurIPS 2019.
    https://arxiv.org/abs/1905.03222

>>> from cartograd.architectures.series.naive import Naive
>>> objective = Forecast(model=Naive(horizon=2))
>>> next(objective.losses((torch.randn(5, 1, 8), torch.ones(5, 2, 3)))).value.shape
torch.Size([5])
"""

from collections.abc import Iterator
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.calibrated import Calibrated
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss
from cartograd.core.tasks.forecast import LEVEL, QUANTILES

CARD = Card(
    name="forecast",
    kind="objective",
    entry="Forecast",
    nodes=("loss/mae", "train/loop"),
    title="Forecasting by quantiles",
    zh="分位数预测",
    paper="Regression quantiles",
    year=1978,
    url="https://doi.org/10.2307/1913643",
    proofs=(
        "oracle: sklearn.metrics.mean_pinball_loss of the three quantiles, to 1e-6",
        "law: the best constants are the quantiles; another unit of a series changes nothing",
    ),
    metrics=("mase", "interval-coverage"),
)


class Forecast(nn.Module):
    """Pinball loss of a forecaster, in the errors of the season before.

    Args:
        model: answers with low end, middle and high end of each step, `b t 3`.
        loss: `pinball` for all three, or `absolute-error` for the middle alone: the ends then get
            their width at the end of the training.
    """

    weights: Tensor
    calibrates = f"the intervals, to hold {LEVEL:.0%} of the values"

    def __init__(
        self,
        *,
        model: nn.Module,
        loss: Literal["pinball", "absolute-error"] = "pinball",
    ):
        super().__init__()
        self.model = model
        self.players = {"model": model}
        share = (1 / 3, 1 / 3, 1 / 3) if loss == "pinball" else (0.0, 1.0, 0.0)
        self.register_buffer("weights", torch.tensor(share), persistent=False)

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each window."""
        yield Loss(self.validate(batch)["loss"])

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The loss of each window, and the outputs for the metrics."""
        *inputs, targets = batch
        outputs = self.model(*inputs)
        if outputs.shape != targets.shape:
            raise UsageError(
                f"the model answers with shape {tuple(outputs.shape)}; a forecast is "
                f"{tuple(targets.shape)}: low end, middle and high end of each step; take a model "
                "of series, such as patchtst or n-beats (`cartograd list model`)"
            )
        right, _, unit = targets.unbind(2)
        above = (right[:, :, None] - outputs) / unit[:, :, None]
        share = above.new_tensor(QUANTILES)
        each = 2 * (share * above).maximum((share - 1) * above)
        return {"loss": (each @ self.weights.to(each.dtype)).mean(1), "outputs": outputs}

    def calibrate(
        self, outputs: Float[Tensor, "n t 3"], targets: Float[Tensor, "n t 3"], /
    ) -> None:
        """Stretch the intervals so that they hold what they promise on these windows."""
        for part in self.model.modules():
            if isinstance(part, Calibrated):
                part.calibrate(outputs, targets[:, :, 0], level=LEVEL)
