"""Cyclic: the rate goes up and down in triangles, and the momentum down and up.

A large rate every now and then leaves narrow minima, and the range between both ends needs less
tuning than one rate. Momentum is high where the rate is low, so that their product stays the same.

    cycle c = 1 + floor(t / (up + down)),  x in [0, 1] up the triangle and down again
    rate(t) = min_lr + (max_lr - min_lr) x s,    momentum(t) = max_momentum - (...) x s
    s = 1 (triangular), 2^(1 - c) (triangular2), factor^t (exp_range)

Shapes: a time and a rate in, a rate and a momentum out.

Departures: the triangles start at `min_lr`, a quarter of the optimizer's rate unless told
otherwise, and reach that rate, where torch asks for both.

References:
    Leslie Smith. Cyclical learning rates for training neural networks. WACV 2017.
    https://arxiv.org/abs/1506.01186

>>> [round(cyclic(t, 1.0, min_lr=0.0, up=2)[0], 2) for t in range(6)]
[0.0, 0.5, 1.0, 0.5, 0.0, 0.5]
"""

from typing import Literal

from cartograd.core.card import Card

CARD = Card(
    name="cyclic",
    kind="schedule",
    entry="cyclic",
    nodes=("schedule/cosine",),
    title="Cyclical rates",
    zh="循环学习率",
    paper="Cyclical learning rates for training neural networks",
    year=2017,
    url="https://arxiv.org/abs/1506.01186",
    proofs=("oracle: torch.optim.lr_scheduler.CyclicLR, rates and momenta to 1e-12 over a run",),
    tiny={"up": 2},
)


def cyclic(
    step: float,
    lr: float,
    /,
    *,
    min_lr: float | None = None,
    max_lr: float | None = None,
    up: int = 2000,
    down: int | None = None,
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
    factor: float = 1.0,
    min_momentum: float = 0.8,
    max_momentum: float = 0.9,
) -> tuple[float, float]:
    """The rate and the momentum at a step.

    Args:
        step: counted from 0; an epoch where epochs are counted.
        lr: the optimizer's own rate.
        min_lr: the rate at the foot of each cycle; the optimizer's own if left out.
        max_lr: the rate at its top.
        up: steps that a cycle rises.
        down: steps that it falls; as many as it rises if left out.
        mode: whether cycles stay alike (triangular), are halved each time (triangular2) or shrink
            at every step by factor (exp_range).
        factor: what exp_range multiplies the height by at each step.
        min_momentum: momentum where the rate is highest.
        max_momentum: momentum where the rate is lowest.
    """
    low, high = lr / 4 if min_lr is None else min_lr, lr if max_lr is None else max_lr
    fall = up if down is None else down
    cycle, since = divmod(step, up + fall)
    height = since / up if since <= up else (up + fall - since) / fall
    height *= {"triangular": 1.0, "triangular2": 0.5**cycle, "exp_range": factor**step}[mode]
    return low + (high - low) * height, max_momentum - (max_momentum - min_momentum) * height
