"""Mean log-density: how likely the examples are under a model, in nats.

The higher the better. It depends on the unit of the numbers: one in centimetres has log 100 less
for each dimension than one in metres. Two models compare by it on the same data only.

    (1/n) sum_i log p(x_i)

Shapes: outputs (n) or (n, 1), log-densities in nats; targets (n, ...), the examples themselves.

Departures: none.

References:
    Lucas Theis, Aäron van den Oord, Matthias Bethge. A note on the evaluation of generative models.
    ICLR 2016. https://arxiv.org/abs/1511.01844

>>> import torch
>>> log_density(torch.tensor([-1.0, -3.0]), torch.zeros(2, 5))
-2.0
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics import given

CARD = Card(
    name="log-density",
    kind="metric",
    entry="log_density",
    nodes=("flow/change-of-variables",),
    title="Mean log-density in nats",
    short="Log-density",
    zh="平均对数密度",
    better="higher",
    paper="A note on the evaluation of generative models",
    year=2016,
    url="https://arxiv.org/abs/1511.01844",
    proofs=("law: bits per dimension, times the dimensions and log 2, with the other sign",),
)


def log_density(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> float:
    """The mean log-density of the examples.

    Raises:
        UsageError: there is not one log-density for each example.
    """
    return weighed(outputs, targets, torch.ones(1, len(outputs), dtype=torch.float64)).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
) -> Float[Tensor, " b"]:
    """The mean under each weighting of the examples."""
    return given.mean(weights, each(outputs, targets))


def each(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> Float[Tensor, " n"]:
    """The log-density of each example."""
    return given.densities(outputs, targets)
