"""Sequential: one schedule after the other, each from its own beginning.

    rate(t) = rule_i(t - m_i, lr),  where m_i is the last milestone <= t

Shapes: a time and a rate in, a rate out.

Departures: none. In a run each part that shapes the whole gets the length between its milestones.

References:
    PyTorch documentation, SequentialLR.
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.SequentialLR.html

>>> from cartograd.training.schedules.warmup import warmup
>>> parts = (lambda t, lr: warmup(t, lr, warmup=2), lambda t, lr: lr / (t + 1))
>>> [round(sequential(t, 1.0, schedulers=parts, milestones=(2,)), 2) for t in range(5)]
[0.5, 0.75, 1.0, 0.5, 0.33]
"""

from bisect import bisect_right
from collections.abc import Callable

from cartograd.core.card import Card

CARD = Card(
    name="sequential",
    kind="schedule",
    entry="sequential",
    nodes=("schedule/warmup",),
    title="One schedule after the other",
    zh="顺序调度",
    tiny={"schedulers": ("linear:total=4", "exponential:factor=0.9"), "milestones": (4,)},
    proofs=("oracle: torch.optim.lr_scheduler.SequentialLR, rates to 1e-12 over a run",),
)


def sequential(
    step: float,
    lr: float,
    /,
    *,
    schedulers: tuple[Callable[[float, float], float], ...],
    milestones: tuple[int, ...],
) -> float:
    """The rate at a step.

    Args:
        step: counted from 0; an epoch where epochs are counted.
        lr: the optimizer's own rate.
        schedulers: the schedules, one after another.
        milestones: the steps at which the next one takes over.
    """
    part = bisect_right(milestones, step)
    return schedulers[part](step - (milestones[part - 1] if part else 0), lr)
