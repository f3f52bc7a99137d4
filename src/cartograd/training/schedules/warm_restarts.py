"""Warm restarts: cosine annealing that is restarted, each cycle longer than the last.

At the end of each wave the weights sit in a minimum and are kept or averaged; the jump back to the
full rate looks for another one from there.

    rate(t) = min_lr + (lr - min_lr) (1 + cos(pi s / p)) / 2
    wave n is p = period growth^n long, and s is the time since it began

Shapes: a time and a rate in, a rate out.

Departures: none.

References:
    Ilya Loshchilov, Frank Hutter. SGDR: stochastic gradient descent with warm restarts. ICLR 2017.
    https://arxiv.org/abs/1608.03983

>>> [round(warm_restarts(t, 1.0, period=2, growth=2), 3) for t in range(7)]
[1.0, 0.5, 1.0, 0.854, 0.5, 0.146, 1.0]
"""

import math

from cartograd.core.card import Card

CARD = Card(
    name="warm-restarts",
    kind="schedule",
    entry="warm_restarts",
    nodes=("schedule/cosine",),
    title="Cosine annealing with warm restarts",
    zh="余弦退火热重启",
    paper="SGDR: stochastic gradient descent with warm restarts",
    year=2017,
    url="https://arxiv.org/abs/1608.03983",
    proofs=(
        "oracle: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts, rates to 1e-12 over a run",
    ),
    tiny={"period": 3},
)


def warm_restarts(
    step: float, lr: float, /, *, period: int, growth: int = 1, min_lr: float = 0.0
) -> float:
    """The rate at a step.

    Args:
        step: counted from 0; an epoch where epochs are counted.
        lr: the optimizer's own rate.
        period: length of the first wave.
        growth: how many times as long each wave is as the one before.
        min_lr: the rate at the end of each wave.
    """
    since, wave = step, period
    if growth == 1:
        since = step % period
    else:
        while since >= wave:  # the number of waves is the logarithm of the step's
            since, wave = since - wave, wave * growth
    return min_lr + (lr - min_lr) * (1 + math.cos(math.pi * since / wave)) / 2
