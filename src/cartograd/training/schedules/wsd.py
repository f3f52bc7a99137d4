"""Warm-up, stable, decay: a rise, a long plateau at the full rate, and a fall at the end.

Nothing before the fall depends on the length of the run: a checkpoint of the plateau can be trained
for longer, or decayed at once to a model as good as one that was planned for that length.

    rate(t) = warmup(t, lr)               at first
    rate(t) = lr                          until the last `cooldown` of the run
    rate(t) = lr + (end lr - lr) s        s from 0 to 1 over the cooldown

Shapes: a time and a rate in, a rate out.

Departures: the fall is a straight line where the paper's is exponential (Hägele et al. compare the
shapes).

References:
    Shengding Hu et al. MiniCPM: unveiling the potential of small language models with scalable
    training strategies. 2024. https://arxiv.org/abs/2404.06395
    Alexander Hägele et al. Scaling laws and compute-optimal training beyond fixed training
    durations. NeurIPS 2024. https://arxiv.org/abs/2405.18392

>>> [wsd(t, 1.0, total=10, warmup=2, cooldown=0.4) for t in range(11)]
[0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]
"""

from cartograd.core.card import Card
from cartograd.training.schedules.warmup import counted
from cartograd.training.schedules.warmup import warmup as rise

CARD = Card(
    name="wsd",
    kind="schedule",
    entry="wsd",
    nodes=("schedule/warmup",),
    title="Warm-up, stable, decay (WSD)",
    zh="预热-稳定-衰减（WSD）",
    paper="MiniCPM: unveiling the potential of small language models with scalable training "
    "strategies",
    year=2024,
    url="https://arxiv.org/abs/2404.06395",
    proofs=(
        "oracle: torch.optim.lr_scheduler.SequentialLR of LinearLR, ConstantLR and LinearLR, rates "
        "to 1e-12 over a run",
    ),
    tiny={"total": 8},
)


def wsd(
    step: float,
    lr: float,
    /,
    *,
    total: float,
    warmup: float = 0.05,
    cooldown: float = 0.2,
    end: float = 0.0,
) -> float:
    """The rate at a step.

    Args:
        step: counted from 0; an epoch where epochs are counted.
        lr: the optimizer's own rate.
        total: length of the run, in steps.
        warmup: how long the rate rises: a share of the run (below 1) or a number of steps.
        cooldown: how long it falls at the end: a share of the run or a number of steps.
        end: share of the rate that is left at the end.
    """
    fall, left = counted(cooldown, total), total - step
    if left < fall:
        return lr * (end + (1 - end) * left / fall) if left > 0 else lr * end
    return rise(step, lr, warmup=warmup, total=total)
