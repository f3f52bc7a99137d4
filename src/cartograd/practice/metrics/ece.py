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

>>> outputs = torch.tensor([[0.6, 0.4], [0.6, 0.4], [0.1, 0.9], [0.1, 0.9]]).log()
>>> round(ece(outputs, torch.tensor([0, 1, 1, 1])), 4)
0.1
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics import given
from cartograd.practice.metrics.interval import draws

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
    confidence, right, bin_of = _binned(outputs, targets, bins)
    gap = torch.zeros(len(right), bins, dtype=torch.float64)
    gap[torch.arange(len(right)), bin_of] = right.double() - confidence
    return given.mean(weights, gap).abs().sum(1)


def limits(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    bins: int = 15,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """The interval of the calibration error, corrected for its bias.

    Drawing the examples anew adds as much bias again, so the bootstrap's distances from the
    estimate are laid off to its other side. And if answers drawn from the model's own
    confidences (Bröcker and Smith, 2007) reach an error as large, the low end is 0.
    """
    confidence, right, bin_of = _binned(outputs, targets, bins)
    estimate = weighed(outputs, targets, given.ones(outputs), bins=bins)
    generator = torch.Generator().manual_seed(seed)
    again, calibrated = [], []
    for counts in draws(len(right), resamples, generator):
        again.append(weighed(outputs, targets, counts.double(), bins=bins))
        answers = torch.rand(counts.shape, generator=generator) < confidence
        gaps = counts.new_zeros(len(counts), bins, dtype=torch.float64)
        gaps.index_add_(1, bin_of, answers.double() - confidence)
        calibrated.append(gaps.abs().sum(1) / len(right))
    sides = torch.tensor([(1 + level) / 2, (1 - level) / 2], dtype=torch.float64)
    low, high = (2 * estimate - torch.cat(again).quantile(sides)).clamp(min=0).tolist()
    return (low if estimate > torch.cat(calibrated).quantile(sides[0]) else 0.0), high


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
    logits, targets = given.classes(outputs, targets)
    confidence, answer = logits.double().softmax(1).max(1)
    bin_of = (confidence * bins).ceil().long().sub(1).clamp(0, bins - 1)
    return confidence, answer == targets, bin_of
