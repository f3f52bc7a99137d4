"""Warm-up: the learning rate of the first steps rises from nearly zero.

At the start gradients are large and of little meaning, and Adam's second mean has seen few of them:
a full step there can make training diverge. Over a few hundred steps the rate rises linearly to the
full one. Any schedule takes `warmup=` and then covers the rest of the run.

    rate(t) = lr / n + (lr - lr / n) t / n  for t < n = warmup,  then lr

Shapes: a time and a rate in, a rate out.

Departures: none. It is torch's LinearLR from 1/n, so that the first step is not lost.

References:
    Priya Goyal et al. Accurate, large minibatch SGD: training ImageNet in 1 hour. 2017 (gradual
    warm-up). https://arxiv.org/abs/1706.02677

>>> [warmup(t, 1.0, warmup=4) for t in range(6)]
[0.25, 0.4375, 0.625, 0.8125, 1.0, 1.0]
"""

from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="warmup",
    kind="schedule",
    entry="warmup",
    nodes=("schedule/warmup",),
    title="Warm-up",
    zh="预热",
    paper="Accurate, large minibatch SGD: training ImageNet in 1 hour",
    year=2017,
    url="https://arxiv.org/abs/1706.02677",
    proofs=(
        "oracle: torch.optim.lr_scheduler.SequentialLR of LinearLR and each other schedule, rates "
        "to 1e-12 over a run",
    ),
    evidence={"schedule/warmup": ("test_warmup", "test_a_training_run_finds_it_by_name")},
    tiny={"warmup": 2},
)


def warmup(step: float, lr: float, /, *, warmup: float, total: float | None = None) -> float:
    """The rate at a step.

    Args:
        step: counted from 0; an epoch where epochs are counted.
        lr: the optimizer's own rate.
        warmup: how long the rate rises: a share of the run (below 1) or a number of steps.
        total: length of the run, which a share is taken of.
    """
    first = counted(warmup, total)
    return lr * (1 + (first - 1) * step / first) / first if step < first else lr


def counted(amount: float, total: float | None, /) -> float:
    """A number of steps, given as such or (below 1) as a share of the run; at least 1.

    Raises:
        UsageError: a share of a run whose length is not known.
    """
    if amount >= 1:
        return amount
    if total is None:
        raise UsageError("a warmup that is a share of the run needs data with a length")
    return max(amount * total, 1)
