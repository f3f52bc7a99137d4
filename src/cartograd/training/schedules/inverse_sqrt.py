"""Inverse square root: a warm-up, then a fall with the root of the time, whatever its end.

The schedule of the first Transformer. As nothing in it depends on the length of the run, training
may end whenever it is enough.

    rate(t) = lr min((t + 1) / warmup, sqrt(warmup / (t + 1)))

Shapes: a time and a rate in, a rate out.

Departures: the paper's factor model_width^-0.5 warmup^-0.5 is the optimizer's lr here, the rate at
the top.

References:
    Ashish Vaswani et al. Attention is all you need. NeurIPS 2017, section 5.3.
    https://arxiv.org/abs/1706.03762

>>> [round(inverse_sqrt(t, 1.0, warmup=2), 3) for t in (0, 1, 7, 31)]
[0.5, 1.0, 0.5, 0.25]
"""

from cartograd.core.card import Card
from cartograd.training.schedules.warmup import counted

CARD = Card(
    name="inverse-sqrt",
    kind="schedule",
    entry="inverse_sqrt",
    nodes=("schedule/warmup",),
    title="Inverse square root decay",
    zh="平方根倒数衰减",
    paper="Attention is all you need",
    year=2017,
    url="https://arxiv.org/abs/1706.03762",
    proofs=(
        "oracle: torch.optim.lr_scheduler.LambdaLR with the formula of the paper, scaled so that "
        "its top is lr, rates to 1e-12 over a run",
        "law: the top comes at the end of the warm-up, and four times as late the rate is half",
    ),
    tiny={"warmup": 2},
)


def inverse_sqrt(
    step: float, lr: float, /, *, warmup: float = 0.1, total: float | None = None
) -> float:
    """The rate at a step.

    Args:
        step: counted from 0; an epoch where epochs are counted.
        lr: the optimizer's own rate.
        warmup: how long the rate rises at the start: a share of the run (below 1) or a number of
            steps.
        total: length of the run, which a share is taken of.
    """
    first = counted(warmup, total)
    return lr * min((step + 1) / first, (first / (step + 1)) ** 0.5)
