"""Negative log-likelihood: how surprised the model is by the right answers, in nats.

It judges the probabilities, not only which class is highest: a confident mistake costs much, a
hesitant one little. Its smallest expectation is reached only by the true probabilities (it is a
proper score), and its exponential is the perplexity.

    NLL = -(1/n) sum_i log softmax(outputs[i])[targets[i]]

Shapes: outputs (n, k), targets (n).

Departures: computed from the logits, so it is not cut off at the smallest probability that
floating point can hold (scikit-learn clips there).

References:
    Tilmann Gneiting, Adrian Raftery. Strictly proper scoring rules, prediction, and estimation.
    JASA 102, 2007. https://doi.org/10.1198/016214506000001437

>>> import torch
>>> round(nll(torch.tensor([[3.5, 1.2, 0.8]]), torch.tensor([0])), 3)
0.155
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.practice.metrics import given, positions

CARD = Card(
    name="nll",
    kind="metric",
    entry="nll",
    nodes=("loss/cross-entropy",),
    title="Negative log-likelihood",
    zh="负对数似然",
    better="lower",
    aliases=("cross-entropy", "log-loss"),
    paper="Strictly proper scoring rules, prediction, and estimation",
    year=2007,
    url="https://doi.org/10.1198/016214506000001437",
    proofs=(
        "oracle: sklearn.metrics.log_loss, to 1e-10",
        "law: log k for a model that knows nothing; finite at logits of 1e4",
    ),
)


def nll(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> float:
    """The mean negative log-probability of the right class, in nats."""
    return weighed(outputs, targets, given.ones(outputs)).item()


def parts(
    outputs: Float[Tensor, "b t k"], targets: Shaped[Tensor, "b t"], /
) -> Float[Tensor, "b n"]:
    """The surprise and the number of labelled positions of each row, in nats; below 0 is none."""
    return torch.stack(positions.surprise(outputs, targets), dim=1)


def whole(sums: Float[Tensor, "... n"], /) -> Float[Tensor, "..."]:
    """From the sums of `parts` to the metric."""
    return sums[..., 0] / sums[..., 1]


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
) -> Float[Tensor, " b"]:
    """The negative log-likelihood under each weighting of the examples."""
    return given.mean(weights, each(outputs, targets))


def each(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> Float[Tensor, " n"]:
    """The surprise of each example, in nats."""
    logits, targets = given.classes(outputs, targets)
    return F.cross_entropy(logits.double(), targets, reduction="none")
