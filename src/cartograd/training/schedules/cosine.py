"""Cosine annealing: the rate falls along half a wave, slowly at both ends.

It stays large at first, falls fast in the middle and ends with many small steps. It has no
hyperparameter but its length, which is that of the run.

    rate(t) = min_lr + (lr - min_lr) (1 + cos(pi t / total)) / 2

Shapes: a time and a rate in, a rate out.

Departures: the paper restarts the wave (`warm-restarts`). Beyond `total` the wave rises again, as
torch's does.

References:
    Ilya Loshchilov, Frank Hutter. SGDR: stochastic gradient descent with warm restarts. ICLR 2017.
    https://arxiv.org/abs/1608.03983

>>> [round(cosine(t, 1.0, total=4), 3) for t in range(5)]
[1.0, 0.854, 0.5, 0.146, 0.0]
"""

import math

from cartograd.core.card import Card

CARD = Card(
    name="cosine",
    kind="schedule",
    entry="cosine",
    nodes=("schedule/cosine",),
    title="Cosine annealing",
    zh="余弦退火",
    paper="SGDR: stochastic gradient descent with warm restarts",
    year=2017,
    url="https://arxiv.org/abs/1608.03983",
    proofs=("oracle: torch.optim.lr_scheduler.CosineAnnealingLR, rates to 1e-12 over a run",),
    evidence={"schedule/cosine": ("test_cosine", "test_a_training_run_finds_it_by_name")},
    tiny={"total": 8},
)


def cosine(step: float, lr: float, /, *, total: float, min_lr: float = 0.0) -> float:
    """The rate at a step.

    Args:
        step: counted from 0; an epoch where epochs are counted.
        lr: the optimizer's own rate.
        total: length of the fall, in steps or epochs.
        min_lr: the rate at its end.
    """
    return min_lr + (lr - min_lr) * (1 + math.cos(math.pi * step / total)) / 2
