"""Bits per dimension: how many bits a model of densities needs for each number of an example.

An ideal code spends `-log2 p(x)` bits on an example. Divided by the count of its numbers (pixels
times channels) it compares models over pictures of any size. Over pictures of 256 levels one that
knows nothing needs 8. Over numbers of any size it depends on their unit, and may be negative.

    bits/dim = -(1/n) sum_i log p(x_i) / (d log 2)

Shapes: outputs (n) or (n, 1), log-densities in nats; targets (n, ...), the examples themselves.

Departures: none.

References:
    Lucas Theis, Aäron van den Oord, Matthias Bethge. A note on the evaluation of generative models.
    ICLR 2016. https://arxiv.org/abs/1511.01844

>>> import torch
>>> round(bits_per_dim(torch.full((3,), -4 * 8 * 0.6931472), torch.zeros(3, 1, 2, 2)), 5)
8.0
"""

import math

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics import given, log_density

CARD = Card(
    name="bits-per-dim",
    kind="metric",
    entry="bits_per_dim",
    nodes=("flow/change-of-variables",),
    title="Bits per dimension",
    short="Bits/dim",
    zh="每维比特数",
    better="lower",
    paper="A note on the evaluation of generative models",
    year=2016,
    url="https://arxiv.org/abs/1511.01844",
    proofs=(
        "law: log2 of the number of levels for a uniform distribution over them, to 1e-12",
        "oracle: the cross-entropy of scipy.stats.norm in bits, to 1e-10",
    ),
)


def bits_per_dim(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> float:
    """The mean bits of one number of an example.

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
    """The bits under each weighting of the examples."""
    return given.mean(weights, each(outputs, targets))


def each(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> Float[Tensor, " n"]:
    """The bits of each example."""
    dims = math.prod(targets.shape[1:])
    return -log_density.each(outputs, targets) / (dims * math.log(2))
