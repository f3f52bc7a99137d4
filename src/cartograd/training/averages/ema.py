"""Exponential moving average: a mean of the weights that slowly forgets the older ones.

The weights jump around the minimum from batch to batch, and their running mean does not. With the
correction every step counts by its age only, from the first one on; without it the average starts
at the first weights and needs some 1 / (1 - decay) steps to forget them.

    a_t <- a_{t-1} + s_t (w_t - a_{t-1})
    s_t = (1 - decay) / (1 - decay^t), corrected; 1 for t = 1, then 1 - decay, if not

Shapes: none; the share s_t is one number for all weights.

Departures: the correction is Adam's, which the paper does not have.

References:
    Boris Polyak, Anatoli Juditsky. Acceleration of stochastic approximation by averaging. SIAM
    Journal on Control and Optimization 30, 1992. https://doi.org/10.1137/0330046

>>> [round(portion(t, None, decay=0.5), 3) for t in (1, 2, 3, 30)]
[1.0, 0.667, 0.571, 0.5]
"""

from cartograd.core.card import Card

CARD = Card(
    name="ema",
    kind="average",
    entry="portion",
    nodes=("optim/sgd",),
    title="Exponential moving average of weights (EMA)",
    zh="权重指数移动平均（EMA）",
    paper="Acceleration of stochastic approximation by averaging",
    year=1992,
    url="https://doi.org/10.1137/0330046",
    proofs=(
        "oracle: torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn, uncorrected, to "
        "1e-12 in float64",
        "law: corrected, it is the mean in which weights of age k count decay^k, to 1e-12",
    ),
    renamed={"corrected": "bias_correction"},
)


def portion(
    step: int,
    total: int | None,  # noqa: ARG001
    /,
    *,
    decay: float = 0.999,
    bias_correction: bool = True,
) -> float | None:
    """How much the weights of a step (from 1) count in the average; `total` is not needed.

    Args:
        step: steps so far, from 1.
        total: steps of the run; None where that is unknown.
        decay: share of the average that is kept at each step.
        bias_correction: whether young averages keep less, so that the first weights do not linger.
    """
    if bias_correction:
        return (1 - decay) / (1 - decay**step)
    return 1.0 if step == 1 else 1 - decay
