"""N-BEATS: blocks of plain layers that take away what they have explained and add what follows.

Each block reads what is left of the past, says what it can explain of it and what that means for
the steps to come. The first is taken away from the past before the next block reads it, the second
is added to the forecast: a residual connection in each direction.

    x_{l+1} = x_l - backcast_l(x_l),    y = sum_l forecast_l(x_l)

Shapes: inputs `b c s`: the target, covariates, and what is known of the step a horizon later;
answers `b t 3`.

Departures: generic blocks, each its own stack, without ensembles; covariates are read by each block
beside what is left of the target; quantiles in place of a point; windows are scaled by their mean
and deviation.

References:
    Boris Oreshkin, Dmitri Carpov, Nicolas Chapados, Yoshua Bengio. N-BEATS: neural basis expansion
    analysis for interpretable time series forecasting. ICLR 2020. https://arxiv.org/abs/1905.10437

>>> import torch
>>> NBeats(channels=1, context=24, horizon=3, width=8, depth=2)(torch.randn(5, 1, 24)).shape
torch.Size([5, 3, 3])
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.architectures.series.ends import Ends, scaled
from cartograd.core.card import Card

CARD = Card(
    name="n-beats",
    kind="model",
    entry="NBeats",
    nodes=("arch/mlp",),
    title="N-BEATS",
    zh="N-BEATS",
    paper="N-BEATS: neural basis expansion analysis for interpretable time series forecasting",
    year=2020,
    url="https://arxiv.org/abs/1905.10437",
    proofs=(
        "law: the forecast is the sum of the blocks' own, each of what those before have left",
        "law: another unit of the series is another unit of the forecast",
    ),
    tiny={"channels": 2, "context": 12, "horizon": 3, "width": 8, "depth": 2},
    objective="forecast",
)

LAYERS = 4
"""Of each block, as in the paper."""


class Block(nn.Module):
    """Plain layers with two answers: of the past, and of the steps to come.

    Args:
        read: numbers that it reads.
        width: units of a layer.
        context: steps of the past.
        horizon: steps to come.
        last: whether no block comes after it that would read what it leaves.
    """

    def __init__(self, *, read: int, width: int, context: int, horizon: int, last: bool):
        super().__init__()
        widths = [read] + [width] * LAYERS
        self.layers = nn.Sequential(
            *(
                part
                for before, after in pairwise(widths)
                for part in (nn.Linear(before, after), nn.ReLU())
            )
        )
        self.backcast = None if last else nn.Linear(width, context)
        self.forecast = nn.Linear(width, 3 * horizon)

    def forward(
        self, x: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b s"] | None, Float[Tensor, "b v"]]:
        """What is explained of the past, and what follows."""
        y = self.layers(x)
        return None if self.backcast is None else self.backcast(y), self.forecast(y)


class NBeats(nn.Module):
    """Blocks with residual connections of the past and of the forecast.

    Args:
        channels: columns of the series.
        context: steps of the past.
        horizon: steps to come.
        width: units of a layer.
        depth: number of blocks.
    """

    kinds = ("series",)

    def __init__(
        self, *, channels: int, context: int, horizon: int, width: int = 128, depth: int = 4
    ):
        super().__init__()
        sizes = {"context": context, "horizon": horizon}
        self.blocks = nn.ModuleList(
            Block(read=channels * context, width=width, **sizes, last=number == depth)
            for number in range(1, depth + 1)
        )
        self.ends = Ends(horizon)

    def forward(self, x: Float[Tensor, "b c s"]) -> Float[Tensor, "b t 3"]:
        """Low end, middle and high end of each step."""
        z, level, spread = scaled(x)
        said = torch.stack(self.parts(z)).sum(0).unflatten(1, (-1, 3))
        return self.ends(said, level, spread)

    def parts(self, z: Float[Tensor, "b c s"], /) -> list[Float[Tensor, "b v"]]:
        """What each block says of the steps to come."""
        left, beside, found = z[:, 0], z[:, 1:].flatten(1), []
        for block in self.blocks:
            explained, said = block(torch.cat([left, beside], 1))
            left = left if explained is None else left - explained
            found.append(said)
        return found
