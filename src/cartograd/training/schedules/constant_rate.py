"""Constant: the same rate for the whole run, or another one for its first part.

With a constant rate stochastic descent does not end in the minimum but moves about it, at a
distance in proportion to the rate: the reason for all other schedules.

    rate(t) = lr factor for t < total, then lr

Shapes: a time and a rate in, a rate out.

Departures: torch's factor is 1/3 by default; under its class name (`ConstantLR`) it is here too.

References:
    Léon Bottou, Frank Curtis, Jorge Nocedal. Optimization methods for large-scale machine
    learning. SIAM Review 60, 2018, section 4.2. https://arxiv.org/abs/1606.04838

>>> [constant_rate(t, 1.0, total=2, factor=0.5) for t in range(4)]
[0.5, 0.5, 1.0, 1.0]
"""

from cartograd.core.card import Card

CARD = Card(
    name="constant",
    kind="schedule",
    aliases=("constant-rate",),
    entry="constant_rate",
    nodes=("schedule/step",),
    title="Constant rate",
    zh="恒定学习率",
    paper="Optimization methods for large-scale machine learning",
    year=2018,
    url="https://arxiv.org/abs/1606.04838",
    proofs=("oracle: torch.optim.lr_scheduler.ConstantLR, rates to 1e-12 over a run",),
    tiny={"total": 8},
)


def constant_rate(
    step: float, lr: float, /, *, total: float | None = None, factor: float = 1.0
) -> float:
    """The rate at a step.

    Args:
        step: counted from 0; an epoch where epochs are counted.
        lr: the optimizer's own rate.
        total: how long the rate is multiplied; to the end if left out.
        factor: what it is multiplied by until then.
    """
    return lr * factor if total is None or step < total else lr
