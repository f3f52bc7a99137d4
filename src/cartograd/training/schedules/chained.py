"""Chained: several schedules at once, whose factors are multiplied.

    rate(t) = lr product_i rule_i(t, lr) / lr

Shapes: a time and a rate in, a rate out.

Departures: torch lets each rule go on from the rate that the one before it left. Both are the same
for rules that are a factor on the rate; a rule with a minimum rate keeps it here for its own part
only.

References:
    PyTorch documentation, ChainedScheduler.
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ChainedScheduler.html

>>> halves = lambda t, lr: lr / 2**t
>>> [chained(t, 1.0, schedulers=(halves, halves)) for t in range(3)]
[1.0, 0.25, 0.0625]
"""

import math
from collections.abc import Callable

from cartograd.core.card import Card

CARD = Card(
    name="chained",
    kind="schedule",
    entry="chained",
    nodes=("schedule/exponential",),
    title="Schedules multiplied",
    zh="链式调度",
    tiny={"schedulers": ("linear:total=4", "exponential:factor=0.9")},
    proofs=(
        "oracle: torch.optim.lr_scheduler.ChainedScheduler of LinearLR and ExponentialLR, rates to "
        "1e-12 over a run",
    ),
)


def chained(
    step: float, lr: float, /, *, schedulers: tuple[Callable[[float, float], float], ...]
) -> float:
    """The rate at a step.

    Args:
        step: counted from 0; an epoch where epochs are counted.
        lr: the optimizer's own rate.
        schedulers: the schedules whose factors are multiplied.
    """
    return lr * math.prod(rule(step, lr) / lr for rule in schedulers) if lr else lr
