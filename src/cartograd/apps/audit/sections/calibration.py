"""Whether a model is right as often as it says.

The calibration error is biased upwards, so its interval is found by test inversion
(`metrics/ece`), and its control is a twin that is calibrated by construction: right answers drawn
from the model's own probabilities, as many. The temperature is the number that logits are to be
divided by for the least negative log-likelihood; its interval is by the likelihood's own curve.

    2 n (nll(T) - nll(T*)) <= 3.84

References:
    Chuan Guo, Geoff Pleiss, Yu Sun, Kilian Weinberger. On calibration of modern neural networks.
    ICML 2017. https://arxiv.org/abs/1706.04599
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from markupsafe import Markup
from torch import Tensor
from torch.nn import functional as F

from cartograd.apps.audit.figure import Figure, beating, limited
from cartograd.apps.audit.section import Found
from cartograd.apps.audit.subject import Subject
from cartograd.apps.report.reliability import reliability
from cartograd.core.decided import likely
from cartograd.practice.decisions import temperature as scaling
from cartograd.practice.metrics import ece as calibration
from cartograd.practice.metrics.interval import interval

TWINS = 20
GOOD, BAD = 0.05, 0.15
"""Calibration errors that pass, and that fail."""
SURE = 1.5
"""A temperature up to this, or down to one over it, passes."""
LIKELY = 3.841458820694124 / 2
"""Half the 95 % quantile of chi-squared with one degree of freedom."""


@dataclass(frozen=True)
class Calibration:
    """Calibration error, Brier score, log-likelihood and temperature."""

    name: ClassVar[str] = "calibration"
    title: ClassVar[str] = "Calibration"
    asks: ClassVar[str] = "Is it right as often as it says?"
    weight: ClassVar[float] = 0.0
    pilot: ClassVar[int] = 1

    def why_not(self, subject: Subject, /) -> str:
        """Only classes have probabilities."""
        if subject.classifies:
            return ""
        return "its answers are no probabilities of one class for each example"

    def names(self, _: Subject, /) -> tuple[str, ...]:
        """The same of all classifiers."""
        return "ece", "brier", "nll", "temperature", "ece_after"

    def measure(self, subject: Subject, /) -> Found:
        """All from the same logits."""
        decided, targets, n = subject.outputs().double(), subject.examples.targets, len(subject)
        outputs = likely(decided, subject.model.signature.output)
        generator = torch.Generator().manual_seed(subject.seed)
        found = reliability(outputs, targets)
        twin = _twin(outputs, generator)
        error = Figure(
            "ece", calibration.ece(outputs, targets), *interval("ece", outputs, targets), n,
            "calibration error", twin, "a calibrated twin", "lower", "%",
        )  # fmt: skip
        shares = targets.bincount(minlength=outputs.shape[1]).double() / n
        constant = shares.clamp(min=1e-300).log().expand(n, -1)
        figures = [limited(error, good=max(GOOD, twin), bad=BAD)]
        for name, title in (("brier", "Brier score"), ("nll", "negative log-likelihood")):
            metric = _metric(name)
            figures.append(
                beating(
                    name, metric(outputs, targets), *interval(name, outputs, targets), n=n,
                    control=metric(constant, targets), against="always the classes' shares",
                    title=title, better="lower", unit="",
                )
            )  # fmt: skip
        figures += [_temperature(outputs, targets), _after(outputs, targets)]
        return Found(
            tuple(figures),
            found.lead if found else "",
            found.body if found else Markup(),
            {"bins": _bins(outputs, targets)},
        )


def _metric(name: str) -> Callable[[Tensor, Tensor], float]:
    from cartograd.core.build import build

    return build(name, kind="metric")


def _twin(outputs: Float[Tensor, "n k"], generator: torch.Generator) -> float:
    """The mean calibration error of right answers that are drawn from the model's own words."""
    chances = outputs.softmax(1)
    drawn = [
        calibration.ece(outputs, torch.multinomial(chances, 1, generator=generator)[:, 0])
        for _ in range(TWINS)
    ]
    return sum(drawn) / TWINS


def _bins(outputs: Tensor, targets: Tensor) -> list[dict[str, float]]:
    curve = calibration.reliability(outputs, targets)
    parts = zip(
        curve.confidence.tolist(), curve.accuracy.tolist(), curve.count.tolist(), strict=True
    )
    return [{"says": says, "is": right, "n": count} for says, right, count in parts if count]


def temperature(
    outputs: Float[Tensor, "n k"], targets: Int[Tensor, " n"], /
) -> tuple[float, float, float]:
    """What logits are to be divided by, and the ends of its 95 % interval.

    The negative log-likelihood is convex in the inverse temperature, so that halves of its range
    find the least, and each end.

    >>> outputs = torch.tensor([[2.0, 0.0]] * 100)
    >>> targets = (torch.arange(100) >= 88).long()  # right as often as it says: 88 of 100
    >>> round(temperature(outputs, targets)[0], 2)
    1.0
    """
    n = len(targets)

    def loss(log_inverse: float) -> float:
        return float(F.cross_entropy(outputs * math.exp(log_inverse), targets))

    best = -math.log(scaling.temperature(outputs, targets, most=math.exp(6.0)))
    least = loss(best)

    def end(outer: float) -> float:
        inner = best
        for _ in range(40):
            middle = (inner + outer) / 2
            inside = n * (loss(middle) - least) <= LIKELY
            inner, outer = (middle, outer) if inside else (inner, middle)
        return (inner + outer) / 2

    return math.exp(-best), math.exp(-end(6.0)), math.exp(-end(-6.0))


def _temperature(outputs: Tensor, targets: Tensor) -> Figure:
    value, low, high = temperature(outputs, targets)
    fine, sorry = 1 / SURE <= value <= SURE, high < 1 / SURE or low > SURE
    return Figure(
        "temperature", value, low, high, len(targets), "temperature", 1.0, "probabilities as told",
        "", "", "pass" if fine or not sorry else "warn",
        f"warns where the interval is outside of 1/{SURE:g} to {SURE:g}",
    )  # fmt: skip


def _after(outputs: Tensor, targets: Tensor) -> Figure:
    """The calibration error if each half were divided by the temperature of the other."""
    halves = torch.arange(len(targets)) % 2 == 0
    scaled = outputs.clone()
    if len(targets) > 1:
        for own in (halves, ~halves):
            scaled[own] /= temperature(outputs[~own], targets[~own])[0]
    return Figure(
        "ece_after", calibration.ece(scaled, targets), *interval("ece", scaled, targets),
        len(targets), "calibration error at the other half's temperature",
        calibration.ece(outputs, targets), "as told", "lower", "%",
    )  # fmt: skip
