"""Exponential decay: the rate is cut a little at every epoch.

Step decay without steps: the same factor each time, so that the rate's logarithm falls on a line.

    rate(t) = lr factor^t

Shapes: a time and a rate in, a rate out. The time counts epochs unless `per=step` is said.

Departures: none.

References:
    Christian Szegedy et al. Rethinking the Inception architecture for computer vision. CVPR 2016
    (0.94 every two epochs). https://arxiv.org/abs/1512.00567

>>> [exponential(t, 1.0, factor=0.5) for t in range(4)]
[1.0, 0.5, 0.25, 0.125]
"""

from cartograd.core.card import Card

CARD = Card(
    name="exponential",
    kind="schedule",
    entry="exponential",
    nodes=("schedule/exponential",),
    title="Exponential decay",
    zh="指数衰减",
    paper="Rethinking the Inception architecture for computer vision",
    year=2016,
    url="https://arxiv.org/abs/1512.00567",
    proofs=("oracle: torch.optim.lr_scheduler.ExponentialLR, rates to 1e-12 over a run",),
    evidence={"schedule/exponential": ("test_exponential", "test_a_training_run_finds_it_by_name")},
    tiny={"factor": 0.9},
)


def exponential(step: float, lr: float, /, *, factor: float) -> float:
    """The rate at a step.

    Args:
        step: counted from 0; an epoch where epochs are counted.
        lr: the optimizer's own rate.
        factor: what the rate is multiplied by at each step or epoch.
    """
    return lr * factor**step
