"""One cycle: one rise to a very large rate and one fall to almost zero, over the whole run.

The large rates in the middle keep the weights out of narrow minima, as regularisation would, so
that far fewer epochs are enough. Momentum goes the other way.

    rate:  lr / div_factor -> lr -> lr / div_factor / final_div_factor,  cosines or lines
    momentum:  max_momentum -> min_momentum -> max_momentum

Shapes: a time and a rate in, a rate and a momentum out.

Departures: the optimizer's rate is the top unless `max_lr` is given.

References:
    Leslie Smith, Nicholay Topin. Super-convergence: very fast training of neural networks using
    large learning rates. 2018. https://arxiv.org/abs/1708.07120

>>> [round(onecycle(t, 1.0, total=11, rise=0.5)[0], 2) for t in range(0, 11, 2)]
[0.04, 0.44, 0.97, 0.83, 0.29, 0.0]
"""

import math
from typing import Literal

from cartograd.core.card import Card

CARD = Card(
    name="onecycle",
    kind="schedule",
    entry="onecycle",
    nodes=("schedule/warmup", "schedule/cosine"),
    title="One cycle",
    zh="单周期策略",
    paper="Super-convergence: very fast training of neural networks using large learning rates",
    year=2018,
    url="https://arxiv.org/abs/1708.07120",
    proofs=("oracle: torch.optim.lr_scheduler.OneCycleLR, rates and momenta to 1e-12 over a run",),
    tiny={"total": 8},
)


def onecycle(
    step: float,
    lr: float,
    /,
    *,
    total: float,
    max_lr: float | None = None,
    rise: float = 0.3,
    anneal: Literal["cos", "linear"] = "cos",
    min_momentum: float = 0.85,
    max_momentum: float = 0.95,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    three_phase: bool = False,
) -> tuple[float, float]:
    """The rate and the momentum at a step.

    Args:
        step: counted from 0; an epoch where epochs are counted.
        lr: the optimizer's own rate.
        total: length of the cycle, in steps.
        max_lr: the rate at its top; the optimizer's own if left out.
        rise: share of the cycle in which the rate rises.
        anneal: along a wave (cos) or in straight lines (linear).
        min_momentum: momentum where the rate is highest.
        max_momentum: momentum where the rate is lowest.
        div_factor: how many times lower than its top the rate starts.
        final_div_factor: how many times lower than its start the rate ends.
        three_phase: whether the rate falls back to its start before the last fall.
    """
    top = lr if max_lr is None else max_lr
    low, peak = top / div_factor, rise * total - 1
    # The phase of this step: where it begins and ends, the rates, whether they are high there.
    if step <= peak:
        begin, end, before, after, high = 0.0, peak, low, top, (0, 1)
    elif three_phase and step <= 2 * peak:
        begin, end, before, after, high = peak, 2 * peak, top, low, (1, 0)
    elif three_phase:
        begin, end, before, after, high = 2 * peak, total - 1, low, low / final_div_factor, (0, 0)
    else:
        begin, end, before, after, high = peak, total - 1, top, low / final_div_factor, (1, 0)
    share = (step - begin) / (end - begin) if end > begin else 1.0
    if anneal == "cos":
        share = (1 - math.cos(math.pi * share)) / 2
    height = high[0] + (high[1] - high[0]) * share
    momentum = max_momentum + (min_momentum - max_momentum) * height
    return before + (after - before) * share, momentum
