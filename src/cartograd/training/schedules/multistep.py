"""Multistep: the rate is cut at the named epochs.

Step decay with cuts at chosen epochs, rare at first and close together at the end.

    rate(t) = lr factor^(number of milestones <= t)

Shapes: a time and a rate in, a rate out. The time counts epochs unless `per=step` is said.

Departures: none.

References:
    Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun. Deep residual learning for image recognition.
    CVPR 2016 (cuts at 32k and 48k of 64k steps). https://arxiv.org/abs/1512.03385

>>> [round(multistep(t, 1.0, milestones=(2, 3)), 3) for t in range(5)]
[1.0, 1.0, 0.1, 0.01, 0.01]
"""

from bisect import bisect_right

from cartograd.core.card import Card

CARD = Card(
    name="multistep",
    kind="schedule",
    entry="multistep",
    nodes=("schedule/step",),
    title="Multistep decay",
    zh="多阶段衰减",
    paper="Deep residual learning for image recognition",
    year=2016,
    url="https://arxiv.org/abs/1512.03385",
    proofs=("oracle: torch.optim.lr_scheduler.MultiStepLR, rates to 1e-12 over a run",),
    tiny={"milestones": (2, 4)},
)


def multistep(
    step: float, lr: float, /, *, milestones: tuple[int, ...], factor: float = 0.1
) -> float:
    """The rate at a step.

    Args:
        step: counted from 0; an epoch where epochs are counted.
        lr: the optimizer's own rate.
        milestones: the epochs or steps at which the rate is cut.
        factor: what it is multiplied by at each cut.
    """
    return lr * factor ** bisect_right(sorted(milestones), step)
