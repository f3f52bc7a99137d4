"""Tail averaging: the arithmetic mean of the weights over the last part of the run.

While the run still travels, early weights would only hold the mean back; once it circles around
the minimum, all weights are equally good guesses and their mean is better than any of them. The
learning rate may therefore stay high. Averaged at the ends of epochs only it is known as SWA.

    a_t <- a_{t-1} + (w_t - a_{t-1}) / (t - t_0),  t_0 = floor((1 - share) T)

Shapes: none; the share of the newest weights is one number for all of them.

Departures: SWA averages once in each epoch, here every step counts.

References:
    David Ruppert. Efficient estimations from a slowly convergent Robbins-Monro process. Technical
    report 781, Cornell University, 1988; Polyak and Juditsky, 1992.
    Pavel Izmailov, Dmitrii Podoprikhin, Timur Garipov, Dmitry Vetrov, Andrew Gordon Wilson.
    Averaging weights leads to wider optima and better generalization. UAI 2018.
    https://arxiv.org/abs/1803.05407

>>> [portion(t, 8, share=0.5) for t in (4, 5, 6, 8)]
[None, 1.0, 0.5, 0.25]
"""

import math

from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="tail",
    kind="average",
    entry="portion",
    nodes=("optim/sgd",),
    title="Tail averaging of weights (SWA)",
    zh="尾部权重平均（SWA）",
    paper="Averaging weights leads to wider optima and better generalization",
    year=2018,
    url="https://arxiv.org/abs/1803.05407",
    proofs=(
        "oracle: torch.optim.swa_utils.AveragedModel over the same steps, to 1e-12 in float64",
        "law: the arithmetic mean of the weights after each of the last steps",
    ),
)


def portion(step: int, total: int | None, /, *, share: float = 0.25) -> float | None:
    """How much the weights of a step (from 1) count in the average; None before the tail.

    Args:
        step: steps so far, from 1.
        total: steps of the run; None where that is unknown.
        share: what part of the run, at its end, is averaged.

    Raises:
        UsageError: the run has no known length to take a share of.
    """
    if total is None:
        raise UsageError("tail averages the last part of a run: it needs data with a length")
    start = min(math.floor((1 - share) * total), total - 1)
    return 1 / (step - start) if step > start else None
