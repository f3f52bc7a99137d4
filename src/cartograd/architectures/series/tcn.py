"""Temporal convolutional network: convolutions that look back only, with gaps that double.

Two convolutions and a shortcut make a block; from block to block the gaps between what is looked at
double, so that a few blocks see a long past, all steps of it at once. What stands at the last step
says all steps to come.

    F[t] = sum_i w[i] x[t - g i],    g = 1, 2, 4, ...;    sees 1 + 2 (k - 1) (2^depth - 1) steps

Shapes: inputs `b c s`: the target, covariates, and what is known of the step a horizon later;
answers `b t 3`.

Departures: no weight normalisation; as many blocks as the past asks for unless told; each window is
scaled by its own mean and deviation.

References:
    Shaojie Bai, J. Zico Kolter, Vladlen Koltun. An empirical evaluation of generic convolutional
    and recurrent networks for sequence modeling. 2018. https://arxiv.org/abs/1803.01271

>>> import torch
>>> model = TCN(channels=1, context=24, horizon=3, width=4)
>>> model(torch.randn(5, 1, 24)).shape, model.receptive_field
(torch.Size([5, 3, 3]), 29)
"""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.architectures.series.ends import Ends, scaled
from cartograd.core.card import Card
from cartograd.training.regularization.dropout import Dropout

CARD = Card(
    name="tcn",
    kind="model",
    entry="TCN",
    nodes=("ar/wavenet",),
    title="Temporal convolutional network",
    zh="时间卷积网络（TCN）",
    paper="An empirical evaluation of generic convolutional and recurrent networks for sequence "
    "modeling",
    year=2018,
    url="https://arxiv.org/abs/1803.01271",
    proofs=(
        "law: a feature sees the past that the formula says, to the step, and nothing later",
        "law: another unit of the series is another unit of the forecast",
    ),
    tiny={"channels": 2, "context": 12, "horizon": 3, "width": 4, "depth": 2, "dropout": 0.0},
    objective="forecast",
)


class Block(nn.Module):
    """Two causal convolutions and a shortcut.

    Args:
        channels: of the input.
        width: of the output.
        kernel_size: steps that a convolution looks at.
        dilation: steps from one of these to the next.
        dropout: probability that a feature is set to zero in training.
    """

    def __init__(
        self, *, channels: int, width: int, kernel_size: int, dilation: int, dropout: float
    ):
        super().__init__()
        self.past = (kernel_size - 1) * dilation
        self.first = nn.Conv1d(channels, width, kernel_size, dilation=dilation)
        self.second = nn.Conv1d(width, width, kernel_size, dilation=dilation)
        self.shortcut = nn.Conv1d(channels, width, 1) if channels != width else nn.Identity()
        self.dropout = Dropout(dropout=dropout)

    def forward(self, x: Float[Tensor, "b c s"]) -> Float[Tensor, "b d s"]:
        """The same steps with other features."""
        y = self.dropout(F.relu(self.first(F.pad(x, (self.past, 0)))))
        y = self.dropout(F.relu(self.second(F.pad(y, (self.past, 0)))))
        return F.relu(y + self.shortcut(x))


class TCN(nn.Module):
    """Blocks of causal convolutions, and a layer for the steps to come.

    Args:
        channels: columns of the series.
        context: steps of the past.
        horizon: steps to come.
        width: features of each step.
        depth: number of blocks; as many as see all of the past if not given.
        kernel_size: steps that a convolution looks at.
        dropout: probability that a feature is set to zero in training.
    """

    kinds = ("series",)

    def __init__(
        self,
        *,
        channels: int,
        context: int,
        horizon: int,
        width: int = 32,
        depth: int | None = None,
        kernel_size: int = 3,
        dropout: float = 0.1,
    ):
        super().__init__()
        seen = [1]
        while depth is None or len(seen) <= depth:
            if depth is None and (seen[-1] >= context or kernel_size == 1):
                break
            seen.append(seen[-1] + 2 * (kernel_size - 1) * 2 ** (len(seen) - 1))
        self.receptive_field = seen[-1]
        widths = [channels] + [width] * max(1, len(seen) - 1)
        self.blocks = nn.Sequential(
            *(
                Block(
                    channels=before,
                    width=after,
                    kernel_size=kernel_size,
                    dilation=2**number,
                    dropout=dropout,
                )
                for number, (before, after) in enumerate(pairwise(widths))
            )
        )
        self.head = nn.Linear(width, 3 * horizon)
        self.ends = Ends(horizon)

    def forward(self, x: Float[Tensor, "b c s"]) -> Float[Tensor, "b t 3"]:
        """Low end, middle and high end of each step."""
        z, level, spread = scaled(x)
        said = self.head(self.blocks(z)[:, :, -1]).unflatten(1, (-1, 3))
        return self.ends(said, level, spread)
