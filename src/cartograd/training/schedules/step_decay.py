"""Step decay: the rate is cut by the same factor every so many epochs.

A large rate makes fast progress and then oscillates around the minimum; each cut lets the loss
settle lower. It is the oldest recipe and still a good one, but the epochs of the cuts have to be
known.

    rate(t) = lr factor^floor(t / every)

Shapes: a time and a rate in, a rate out. The time counts epochs unless `per=step` is said.

Departures: none.

References:
    Christian Szegedy et al. Going deeper with convolutions. CVPR 2015 (4 % less every 8 epochs).
    https://arxiv.org/abs/1409.4842

>>> [round(step_decay(t, 1.0, every=2, factor=0.5), 3) for t in range(6)]
[1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
"""

from cartograd.core.card import Card

CARD = Card(
    name="step",
    kind="schedule",
    aliases=("step-decay",),
    entry="step_decay",
    nodes=("schedule/step",),
    title="Step decay",
    zh="阶梯衰减",
    paper="Going deeper with convolutions",
    year=2015,
    url="https://arxiv.org/abs/1409.4842",
    proofs=("oracle: torch.optim.lr_scheduler.StepLR, rates to 1e-12 over a run",),
    evidence={"schedule/step": ("test_step_decay", "test_a_training_run_finds_it_by_name")},
    tiny={"every": 2},
)


def step_decay(step: float, lr: float, /, *, every: int, factor: float = 0.1) -> float:
    """The rate at a step.

    Args:
        step: counted from 0; an epoch where epochs are counted.
        lr: the optimizer's own rate.
        every: epochs or steps from one cut to the next.
        factor: what the rate is multiplied by at each cut.
    """
    return lr * factor ** (step // every)
