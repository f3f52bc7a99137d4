"""Brier score: the squared distance of the probabilities from what happened.

Like the negative log-likelihood it is a proper score (the true probabilities reach its smallest
expectation), but it is bounded: one confident mistake cannot outweigh everything else.

    BS = (1/n) sum_i sum_k (p[i, k] - 1[k = targets[i]])^2,    halved for two classes

Shapes: outputs (n, k), targets (n).

Departures: for two classes it is (p - y)^2, half of the sum over both, as is usual now and as
scikit-learn has it; Brier's own sum counts both. So it lies in [0, 1] or, for more classes,
in [0, 2].

References:
    Glenn Brier. Verification of forecasts expressed in terms of probability. Monthly Weather
    Review 78, 1950. https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2

>>> import torch
>>> brier(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
0.25
"""

from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.practice.metrics import given

CARD = Card(
    name="brier",
    kind="metric",
    entry="brier",
    nodes=("metric/calibration",),
    title="Brier score",
    zh="布里尔分数",
    better="lower",
    paper="Verification of forecasts expressed in terms of probability",
    year=1950,
    url="https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2",
    proofs=(
        "oracle: sklearn.metrics.brier_score_loss, two and more classes, to 1e-10",
        "law: 0 for a certain right answer, 2 (1 for two classes) for a certain wrong one",
    ),
)


def brier(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> float:
    """The mean squared distance of the probabilities from the right answers."""
    return weighed(outputs, targets, given.ones(outputs)).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
) -> Float[Tensor, " b"]:
    """The Brier score under each weighting of the examples."""
    return given.mean(weights, each(outputs, targets))


def each(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> Float[Tensor, " n"]:
    """The squared distance of each example."""
    logits, targets = given.classes(outputs, targets)
    truth = F.one_hot(targets, logits.shape[1])
    distance = (logits.double().softmax(1) - truth).square().sum(1)
    return distance / 2 if logits.shape[1] == 2 else distance
