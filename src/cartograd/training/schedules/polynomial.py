"""Polynomial decay: the rate falls to zero along a power of the time that is left.

With power 1 it is a straight line; below 1 it stays large until late, above 1 it falls early.

    rate(t) = lr (1 - min(t, total) / total)^power

Shapes: a time and a rate in, a rate out.

Departures: none.

References:
    Liang-Chieh Chen et al. DeepLab: semantic image segmentation with deep convolutional nets,
    atrous convolution, and fully connected CRFs. 2016 (the "poly" policy, power 0.9).
    https://arxiv.org/abs/1606.00915

>>> [round(polynomial(t, 1.0, total=4, power=2), 4) for t in range(5)]
[1.0, 0.5625, 0.25, 0.0625, 0.0]
"""

from cartograd.core.card import Card

CARD = Card(
    name="polynomial",
    kind="schedule",
    entry="polynomial",
    nodes=("schedule/step",),
    title="Polynomial decay",
    zh="多项式衰减",
    paper="DeepLab: semantic image segmentation with deep convolutional nets, atrous convolution, "
    "and fully connected CRFs",
    year=2016,
    url="https://arxiv.org/abs/1606.00915",
    proofs=("oracle: torch.optim.lr_scheduler.PolynomialLR, rates to 1e-12 over a run",),
    tiny={"total": 8},
)


def polynomial(step: float, lr: float, /, *, total: float, power: float = 1.0) -> float:
    """The rate at a step.

    Args:
        step: counted from 0; an epoch where epochs are counted.
        lr: the optimizer's own rate.
        total: length of the fall, in steps or epochs.
        power: 1 is a straight line; more falls early, less falls late.
    """
    return lr * (1 - min(step, total) / total) ** power
