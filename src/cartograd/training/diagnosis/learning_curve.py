"""Learning-curve diagnosis: what a run's losses say of it, and what to try.

Training loss tells what the model can express, the gap to validation loss what it learned by heart.
Validation that turns while training goes on falling is over-fitting; both high and flat is
under-fitting; both still falling is a run that was ended too early; jumps are a rate too high.

    gap = (V_end - T_end) / V_end,    turn = V_end / min V - 1,    noise = mad(D^2 V) / sqrt(6)

Shapes: a record per epoch with `train/loss` and, where there was validation, `valid/loss`, as
`Run.history` has them; ends are medians of the last tenth of the epochs.

Departures: the book reads curves by eye; here fixed thresholds decide, and what they were compared
with is said. A rise counts if it is above three times the noise of the curve itself.

References:
    Ian Goodfellow, Yoshua Bengio, Aaron Courville. Deep Learning, sections 5.2 and 11.4. MIT Press,
    2016. https://www.deeplearningbook.org

>>> history = [{"train/loss": 1 / n, "valid/loss": 0.2 + abs(n - 5) / 9} for n in range(1, 20)]
>>> [finding.name for finding in learning_curve(history)]
['over-fitting']
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.training.diagnosis.finding import Finding

CARD = Card(
    name="learning-curve",
    kind="diagnostic",
    entry="learning_curve",
    nodes=("challenge/over-under-fitting", "challenge/instability"),
    title="Learning-curve diagnosis",
    zh="学习曲线诊断",
    paper="Deep Learning, sections 5.2 and 11.4",
    year=2016,
    url="https://www.deeplearningbook.org",
    proofs=(
        "law: curves made to over-fit, under-fit, stop early, jump or lack data are named so, and "
        "good ones are not, with noise and at any scale of the loss",
        "law: small networks trained to over-fit, to under-fit, too briefly and at too high a rate "
        "are named so",
    ),
    evidence={
        "challenge/over-under-fitting": ("test_a_made_curve_is_named", "test_a_real_run_is_named"),
    },
)

LEAST = 4
"""Epochs that a curve must have to say anything."""
TURN = 0.05
"""Rise of the validation loss above its lowest, as a share of it, that counts as a turn."""
GAP = 0.5
"""Share of the validation loss that is missing in training from which data are said to lack."""
HIGH = 0.5
"""Share of a constant answer's loss above which a loss is high."""
FALLING = 0.05
"""Fall that half as many epochs again would bring, as a share of the loss, that is worth it."""
TRIFLE = 0.01
"""The same as a share of all that was learned; less is a trifle."""
JUMP = 0.2
"""Rise from one epoch to the next, as a share of the whole range, that counts as a jump."""


@dataclass(frozen=True)
class _Curve:
    """The losses of one part of the data."""

    values: list[float]

    @property
    def end(self) -> float:
        return median(self.values[-max(1, len(self.values) // 10) :])

    @property
    def noise(self) -> float:
        """Standard deviation around a smooth course, from second differences."""
        x = self.values
        bends = [abs(x[i] - 2 * x[i + 1] + x[i + 2]) for i in range(len(x) - 2)]
        return 1.4826 * median(bends) / math.sqrt(6)

    @property
    def lowest(self) -> int:
        return min(range(len(self.values)), key=self.values.__getitem__)

    def to_come(self) -> float:
        """Fall that the slope of the last third promises for half as many epochs again.

        Nothing where the slope is within three standard errors of none.
        """
        y = self.values[-max(LEAST, len(self.values) // 3) :]
        n = len(y)
        middle, mean = (n - 1) / 2, sum(y) / n
        spread = sum((i - middle) ** 2 for i in range(n))
        slope = sum((i - middle) * (value - mean) for i, value in enumerate(y)) / spread
        left = sum((value - mean - slope * (i - middle)) ** 2 for i, value in enumerate(y))
        error = math.sqrt(left / max(1, n - 2) / spread)
        return -slope * len(self.values) / 2 if slope < -3 * error else 0.0


def learning_curve(
    history: Sequence[Mapping[str, Any]], chance: float | None = None, /
) -> tuple[Finding, ...]:
    """What the losses of a run say.

    Args:
        history: a record per epoch.
        chance: the loss of the best constant answer (the entropy of the classes, the variance of
            the target): without it a loss cannot be called high, and under-fitting is told only
            where the training loss hardly moved.

    Returns:
        What was found, the gravest first; one good finding where nothing is wrong.

    Raises:
        UsageError: the records have no `train/loss`.
    """
    given = [record.get("train/loss") for record in history]
    if not history or all(value is None for value in given):
        raise UsageError("there is no train/loss in this history; several players have no one loss")
    valid_given: list[Any] = [r["valid/loss"] for r in history if "valid/loss" in r]
    broken = [i for i, v in enumerate(given) if v is None or not math.isfinite(v)]
    if broken or any(v is None or not math.isfinite(v) for v in valid_given):
        epoch = history[broken[0]].get("epoch", broken[0] + 1) if broken else "?"
        return (Finding("diverged", f"the loss is not finite (epoch {epoch})", _UNSTABLE),)
    if len(history) < LEAST:
        told = f"{len(history)} epochs; a curve needs {LEAST} to say anything"
        return (Finding("too short", told, ("more epochs",)),)
    train = _Curve([float(value) for value in given if value is not None])
    valid = _Curve([float(v) for v in valid_given]) if len(valid_given) == len(given) else None
    findings = (
        *_unstable(train, chance),
        *_fitting(train, valid, chance, _annealed(history)),
    )
    return findings or (Finding("healthy", _summary(train, valid), good=True),)


_UNSTABLE = (
    "lower the learning rate (cartograd diagnose MODEL --data DATA proposes one)",
    "clip=1.0",
    "a warm-up: schedule=cosine:warmup=0.1",
    "a larger batch",
)
_OVER = (
    "keep the best epoch's weights and stop there: patience=5",
    "more data, or augmentation",
    "weight decay or dropout",
    "a smaller model",
)
_UNDER = (
    "a larger model, or one that suits the data",
    "less regularisation",
    "a higher learning rate",
    "better features, or targets without errors",
)


def _unstable(train: _Curve, chance: float | None) -> Iterator[Finding]:
    values = train.values
    top = max([*values, chance or -math.inf])
    reach = top - min(values)
    rises = [(b - a, i + 2) for i, (a, b) in enumerate(pairwise(values))]
    jumps = [
        (rise, epoch)
        for rise, epoch in rises
        if rise > JUMP * reach and rise > TURN * abs(values[epoch - 2])
    ]
    if train.end > values[0] + TURN * abs(values[0]) and train.end > min(values) + HIGH * reach:
        told = f"training loss went from {values[0]:.3g} up to {train.end:.3g}"
        yield Finding("diverging", told, _UNSTABLE)
    elif len(jumps) > 1 or any(rise > HIGH * reach for rise, _ in jumps):
        rise, epoch = max(jumps)
        told = f"training loss jumps {len(jumps)} times, most by {rise:.3g} in epoch {epoch}"
        yield Finding("unstable", told, _UNSTABLE)


def _fitting(
    train: _Curve, valid: _Curve | None, chance: float | None, annealed: bool
) -> Iterator[Finding]:
    turned = valid is not None and _turned(train, valid)
    if valid is not None and turned:
        best = valid.lowest
        yield Finding(
            "over-fitting",
            f"validation loss is lowest in epoch {best + 1} ({valid.values[best]:.3g}) and rises "
            f"to {valid.end:.3g}, while training loss falls from {train.values[best]:.3g} to "
            f"{train.end:.3g}",
            _OVER,
        )
        return
    lags = valid is not None and _gap(train, valid, chance)
    last = valid or train
    left = last.to_come()
    trifle = TRIFLE * (max(chance or 0.0, last.values[0]) - last.end)
    if left > FALLING * abs(last.end) and left > max(trifle, 3 * last.noise):
        yield Finding(
            "not converged",
            f"the loss still falls: at its present slope by {min(left / abs(last.end), 1):.0%} in "
            f"{len(train.values) // 2} more epochs",
            ("more epochs", "a higher learning rate"),
        )
    elif _high(train, chance) and not lags:
        level = f"{train.end / chance:.0%} of a constant answer's" if chance else "hardly moved"
        told = f"training loss stays at {train.end:.3g} ({level})"
        first = ("more epochs: the schedule had brought the learning rate down",)
        yield Finding("under-fitting", told, (*(first if annealed else ()), *_UNDER))
    if valid is not None and lags:
        yield Finding(
            "data-limited",
            f"training loss is {train.end:.3g}, validation loss {valid.end:.3g}",
            ("more data, or augmentation", "weight decay or dropout", "transfer from a larger set"),
        )


def _annealed(history: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the rate ended so low that the end of the curve is flat for that reason alone."""
    rates = [float(record["lr"]) for record in history if record.get("lr") is not None]
    return bool(rates) and rates[-1] < TURN * max(rates)


def _turned(train: _Curve, valid: _Curve) -> bool:
    best = valid.lowest
    rise = valid.end - valid.values[best]
    fell = train.end < train.values[best]
    return fell and rise > 3 * valid.noise and rise > TURN * abs(valid.values[best])


def _gap(train: _Curve, valid: _Curve, chance: float | None) -> bool:
    """Whether validation lags far behind, by more than a trifle of what was learned at all."""
    gap, learned = valid.end - train.end, max(chance or 0.0, train.values[0]) - train.end
    return gap > GAP * abs(valid.end) and gap > TURN * learned and gap > 3 * valid.noise


def _high(train: _Curve, chance: float | None) -> bool:
    if chance is not None:
        return train.end > HIGH * chance
    return train.end > 0.9 * train.values[0]


def _summary(train: _Curve, valid: _Curve | None) -> str:
    told = f"training loss fell from {train.values[0]:.3g} to {train.end:.3g}"
    return told if valid is None else f"{told}, validation loss is {valid.end:.3g}"
