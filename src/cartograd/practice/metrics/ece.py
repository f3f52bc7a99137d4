"""Expected calibration error: how far the stated confidence is from the accuracy.

A calibrated model that says "80% sure" a hundred times is right about eighty times. Examples are
put into bins by the confidence of the answer (its probability); in each bin mean confidence and
accuracy are compared. The reliability curve shows the two side by side.

    ECE = sum_b (n_b / n) |accuracy_b - confidence_b|

Shapes: outputs (n, k), targets (n).

Departures: none; bin b holds the confidences in (b / bins, (b + 1) / bins], as in the paper. The
estimate is biased upwards: chance alone parts accuracy and confidence in a bin of few examples,
by about sqrt(bins / n) over all.

References:
    Chuan Guo, Geoff Pleiss, Yu Sun, Kilian Weinberger. On calibration of modern neural networks.
    ICML 2017. https://arxiv.org/abs/1706.04599
    Jochen Bröcker, Leonard Smith. Increasing the reliability of reliability diagrams. Weather and
    Forecasting 22, 2007. https://doi.org/10.1175/WAF993.1
    James Carpenter. Test inversion bootstrap confidence intervals. Journal of the Royal
    Statistical Society B 61, 1999. https://doi.org/10.1111/1467-9868.00169

>>> outputs = torch.tensor([[0.6, 0.4], [0.6, 0.4], [0.1, 0.9], [0.1, 0.9]]).log()
>>> round(ece(outputs, torch.tensor([0, 1, 1, 1])), 4)
0.1
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics import given
from cartograd.practice.metrics.answers import Answers

CARD = Card(
    name="ece",
    kind="metric",
    entry="ece",
    nodes=("metric/calibration",),
    title="Expected calibration error",
    zh="期望校准误差",
    better="lower",
    unit="%",
    short="calibration error",
    aliases=("expected-calibration-error",),
    paper="On calibration of modern neural networks",
    year=2017,
    url="https://arxiv.org/abs/1706.04599",
    proofs=(
        "law: with one bin it is |accuracy - mean confidence|; answers drawn from the model's own "
        "probabilities bring it to 0 as n grows; equal to the bins counted one by one",
    ),
    evidence={
        "metric/calibration": (
            "test_bins_counted_one_by_one",
            "test_a_calibrated_model_comes_to_zero_and_a_boastful_one_does_not",
            "test_reliability_tells_the_calibration_error_of_the_metric",
        ),
    },
)

BIASED = True
"""Its estimate is above the truth, however many examples weigh how much."""

DRAWS, HALVINGS = 500, 12
"""Estimates drawn for each true error that is tried; halvings of the range of these."""


@dataclass(frozen=True)
class Reliability:
    """The reliability curve: what each bin of confidence holds; NaN where it holds nothing."""

    edges: Float[Tensor, "..."]
    """The bins' limits: one more than there are bins."""
    confidence: Float[Tensor, "..."]
    """Mean confidence of the bin's examples."""
    accuracy: Float[Tensor, "..."]
    """Share of the bin's examples that are right."""
    count: Int[Tensor, "..."]
    """How many examples the bin holds."""


def ece(
    outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /, *, bins: int = 15
) -> float:
    """The mean distance of accuracy from confidence over bins of equal width.

    Args:
        outputs: logits of every example.
        targets: the right classes.
        bins: intervals of equal width that confidence is cut into.
    """
    return weighed(outputs, targets, given.ones(outputs), bins=bins).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
    *,
    bins: int = 15,
) -> Float[Tensor, " b"]:
    """The calibration error under each weighting of the examples."""
    return of_mean(given.mean(weights, each(outputs, targets, bins=bins)))


def each(
    outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /, *, bins: int = 15
) -> Float[Tensor, "n m"]:
    """How much each example adds to the gap of its bin."""
    confidence, right, bin_of = _binned(outputs, targets, bins)
    gap = torch.zeros(len(right), bins, dtype=torch.float64)
    gap[torch.arange(len(right)), bin_of] = right.double() - confidence
    return gap


def sum_of_answers(answers: Answers, /, *, bins: int = 15) -> Float[Tensor, " m"]:
    """The sum of `each` over the examples."""
    gap = answers.right.double() - answers.confidence
    return _bins(answers.confidence, bins).bincount(gap, minlength=bins)


def of_mean(mean: Float[Tensor, "... m"], /) -> Float[Tensor, "..."]:
    """From the mean of `each` over the examples to the metric."""
    return mean.abs().sum(-1)


def limits(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    bins: int = 15,
    level: float = 0.95,
) -> tuple[float, float]:
    """The calibration errors that the estimate does not contradict (test inversion).

    For each of many true errors the estimate is drawn anew, bin by bin, and those are held of
    which the estimate's quantiles have it between them. An error is told to the bins in the way
    that hides most of it (to each by its noise) for the high end, and as it was seen for the low
    one, since an estimate is the further above the truth the fewer bins the truth is in.
    """
    confidence, right, bin_of = _binned(outputs, targets, bins)
    count = bin_of.bincount(minlength=bins).double()
    hits = bin_of.bincount(right.double(), minlength=bins)
    seen = (hits - bin_of.bincount(confidence, minlength=bins)) / len(right)
    estimate = seen.abs().sum().item()
    rate = (hits + 1) / (count + 2)  # a bin of one example is not free of noise
    generator = torch.Generator().manual_seed(0)
    drawn = torch.binomial(count.expand(DRAWS, -1), rate.expand(DRAWS, -1), generator=generator)
    noise = (drawn - count * rate) / len(right)
    spread = (count * rate * (1 - rate)).sqrt() / len(right)

    def quantile(error: float, shape: Tensor, side: float) -> float:
        drawn = (error * shape + noise).abs().sum(1)
        return drawn.kthvalue(max(1, math.ceil(side * DRAWS)))[0].item()

    shapes = seen / seen.abs().sum().clamp(min=1e-12), spread / spread.sum()
    least, most = (1 - level) / 2, (1 + level) / 2
    low = _least(lambda error: quantile(error, shapes[0], most) >= estimate, estimate)
    high = _least(lambda error: quantile(error, shapes[1], least) > estimate, 1.0)
    return low, max(high, estimate)


def _least(there: Callable[[float], bool], most: float) -> float:
    """The least error up to `most` from which on something is true, by halving."""
    low, high = 0.0, most
    if there(low):
        return low
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if there(middle) else (middle, high)
    return high


def reliability(
    outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /, *, bins: int = 15
) -> Reliability:
    """Accuracy and mean confidence in each of `bins` bins of equal width."""
    confidence, right, bin_of = _binned(outputs, targets, bins)
    count = bin_of.bincount(minlength=bins)
    mean_confidence, accuracy = (
        bin_of.bincount(value.double(), minlength=bins) / count for value in (confidence, right)
    )
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64)
    return Reliability(edges, mean_confidence, accuracy, count)


def _binned(
    outputs: Tensor, targets: Tensor, bins: int
) -> tuple[Float[Tensor, " n"], Bool[Tensor, " n"], Int[Tensor, " n"]]:
    """Confidence of each answer, whether it is right, and the number of its bin."""
    answers = Answers(outputs, targets)
    return answers.confidence, answers.right, _bins(answers.confidence, bins)


def _bins(confidence: Float[Tensor, " n"], bins: int) -> Int[Tensor, " n"]:
    return (confidence * bins).ceil().long().sub(1).clamp(0, bins - 1)
