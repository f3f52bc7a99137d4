"""Decisions in the logits: the largest is the answer at the threshold that was chosen.

A class that is to be named from a probability t on has its logit lowered by log(t / (1 - t)), so
that whoever takes the largest logit (a metric, an attack, a file in another program) decides as
was chosen on validation examples. Where probabilities are wanted, the shift is taken back. The
temperature divides all logits before.

    decision = z / T - log(t / (1 - t)),   probability = sigmoid or softmax of z / T
"""

import math

from cartograd.core import arrays
from cartograd.core.arrays import Tensor
from cartograd.core.ports import Port

SURE = 27.0
"""Largest logit of a threshold; its probability differs from 1 by 2e-12."""


def decides(port: Port, /) -> bool:
    """Whether something was chosen for an output: thresholds or a temperature."""
    return bool(port.thresholds) or port.temperature != 1.0


def decided(logits: Tensor, port: Port, /) -> Tensor:
    """The logits as the output port has them, of those of the network.

    >>> import torch
    >>> port = Port("late", "label", (2,), labels=("no", "yes"), thresholds=(0.2,))
    >>> decided(torch.tensor([[1.0, 0.0]]), port).argmax().item()  # yes has a probability of 0.27
    1
    """
    scaled = logits / port.temperature if port.temperature != 1.0 else logits
    return scaled - _shift(scaled, port) if port.thresholds else scaled


def likely(outputs: Tensor, port: Port, /) -> Tensor:
    """The logits whose sigmoid or softmax are the probabilities, of those that decide."""
    return outputs + _shift(outputs, port) if port.thresholds else outputs


def bare(outputs: Tensor, port: Port, /) -> Tensor:
    """The logits of the network, of those that decide: the inverse of `decided`."""
    return likely(outputs, port) * port.temperature


def positive_of(port: Port, /) -> int:
    """The number of the class of two that a threshold is of."""
    return port.labels.index(port.positive) if port.positive else 1


def _shift(outputs: Tensor, port: Port) -> Tensor:
    logits = [max(-SURE, min(SURE, _logit(one))) for one in port.thresholds]
    if port.task != "multi-label":
        at = positive_of(port)
        single = outputs.shape[-1] == 1
        logits = [logits[0] * (2 * at - 1)] if single else [logits[0] * (i == at) for i in range(2)]
    return arrays.like(logits, outputs)


def _logit(share: float) -> float:
    if not 0 < share < 1:
        return math.copysign(SURE, share - 0.5)
    return math.log(share) - math.log1p(-share)
