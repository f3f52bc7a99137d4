"""Reduce on plateau: the rate is cut when a number has stopped improving.

The epochs of the cuts need not be known before: each comes after so many epochs without an
improvement. The rate is a function of the numbers so far, which a run keeps anyway, so that this
too needs no state of its own.

    rate = lr factor^(how often more than `patience` epochs in a row were no better)
    better: below best (1 - threshold), or above best (1 + threshold) if `mode` is max

Shapes: the numbers of all epochs so far and a rate in, a rate out. In a run `metric` names the
number (`plateau:metric=valid/accuracy`); it is the monitored one unless told otherwise.

Departures: torch's `eps` (changes smaller than 1e-8 are not made) is left out. Below zero torch
takes a little worse for better (its relative threshold changes sides); here it never does.

References:
    Alex Krizhevsky, Ilya Sutskever, Geoffrey Hinton. ImageNet classification with deep
    convolutional neural networks. NeurIPS 2012, section 5 (by hand: a tenth when the validation
    error stopped improving).
    https://proceedings.neurips.cc/paper/2012/hash/c399862d3b9d6b76c8436e924a68c45b-Abstract.html

>>> [plateau([3.0, 2.0, 2.0, 2.0][:n], 1.0, factor=0.5, patience=1) for n in range(5)]
[1.0, 1.0, 1.0, 1.0, 0.5]
"""

import math
from collections.abc import Sequence
from typing import Literal

from cartograd.core.card import Card

CARD = Card(
    name="plateau",
    kind="schedule",
    entry="plateau",
    nodes=("schedule/plateau",),
    title="Reduce on plateau",
    zh="停滞时衰减",
    paper="ImageNet classification with deep convolutional neural networks",
    year=2012,
    url="https://proceedings.neurips.cc/paper/2012/hash/c399862d3b9d6b76c8436e924a68c45b-Abstract.html",
    proofs=(
        "oracle: torch.optim.lr_scheduler.ReduceLROnPlateau on noisy numbers, rates to 1e-12 over "
        "a run",
    ),
    evidence={"schedule/plateau": ("test_plateau", "test_plateau_on_a_named_metric")},
)


def plateau(
    values: Sequence[float],
    lr: float,
    /,
    *,
    mode: Literal["min", "max"] = "min",
    factor: float = 0.1,
    patience: int = 10,
    threshold: float = 1e-4,
    threshold_mode: Literal["rel", "abs"] = "rel",
    cooldown: int = 0,
    min_lr: float = 0.0,
) -> float:
    """The rate after these numbers, the oldest first.

    Args:
        values: the number after each epoch so far.
        lr: the optimizer's own rate.
        mode: whether the number should fall (min) or rise (max).
        factor: what the rate is multiplied by at each cut.
        patience: epochs without an improvement that are borne before a cut.
        threshold: how much better than the best a number has to be.
        threshold_mode: whether that is a share of the best number (rel) or a difference (abs).
        cooldown: epochs after a cut that are not counted.
        min_lr: the rate that no cut goes below.
    """
    sign = 1 if mode == "min" else -1
    best, waited, resting = math.inf, 0, 0
    for value in values:
        margin = threshold * abs(best) if threshold_mode == "rel" else threshold
        waited += 1
        if sign * value < (best - margin if math.isfinite(best) else best):
            best, waited = sign * value, 0
        if resting:
            resting, waited = resting - 1, 0
        if waited > patience:
            lr, waited, resting = max(lr * factor, min(lr, min_lr)), 0, cooldown
    return lr
