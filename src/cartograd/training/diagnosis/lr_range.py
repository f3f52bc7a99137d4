"""Learning-rate range test: raise the rate step by step and see where the loss falls and breaks.

Training starts with a tiny rate, which is multiplied by the same factor at each step. The loss
stays, then falls, then explodes. A good rate lies where it falls fastest; one where it rises again
is too large. Everything happens on a copy.

    lr_i = low (high / low)^(i / (steps - 1))
    m_i = (1 - decay) sum_j decay^(i - j) L_j / (1 - decay^i),    j = 1 .. i

Shapes: batches are the objective's, usually inputs `b ...` and targets ` b`.

Departures: the paper raises the rate linearly and reads the accuracy by eye. Here it rises
exponentially, and a rule makes the suggestion. The limit is the rate at which the smoothed loss m
is lowest; the suggestion is the middle of that factor of ten below the limit in which a straight
line through the losses falls most; both only if the loss fell by more than the losses of the
first factor of ten vary. The sweep ends early when m is twice the loss at the start.

References:
    Leslie Smith. Cyclical learning rates for training neural networks. WACV 2017.
    https://arxiv.org/abs/1506.01186

>>> [f"{rate:.2g}" for rate in rates(low=1e-3, high=1.0, steps=4)]
['0.001', '0.01', '0.1', '1']
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Objective
from cartograd.training.diagnosis.twin import device_of, endless, gradients, optimizers_of, twin

CARD = Card(
    name="lr-range",
    kind="diagnostic",
    entry="lr_range",
    nodes=("challenge/instability",),
    title="Learning-rate range test",
    zh="学习率范围测试",
    paper="Cyclical learning rates for training neural networks",
    year=2017,
    url="https://arxiv.org/abs/1506.01186",
    proofs=(
        "law: on a parabola of curvature c the loss is lowest at the last rate below 2 / c, and "
        "the suggestion lies below that",
        "law: the losses are those of a loop by hand with the same rates, to 1e-10 in float64",
    ),
    evidence={
        "challenge/instability": (
            "test_losses_are_those_of_a_loop_by_hand",
            "test_a_parabola_breaks_at_two_over_its_curvature",
        ),
    },
    tiny={"steps": 12},
    renamed={"keep": "decay"},
)


@dataclass(frozen=True)
class LRRange:
    """The result of a sweep.

    Attributes:
        rates: of the steps that were made.
        losses: before each step (of the first player, where there are several).
        smoothed: running means of the losses.
        suggestion: where the loss falls fastest; None if it never fell beyond its noise.
        limit: where the smoothed loss was lowest: from there on the rate is too large. None as
            above.
        ended: why the sweep ended: `steps`, `rose` or `not finite`.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggestion: float | None
    limit: float | None
    ended: str


def lr_range(
    objective: Objective,
    batches: Any,
    /,
    *,
    optimizers: str = "adamw",
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    decay: float = 0.9,
    seed: int = 0,
) -> LRRange:
    """Sweep the learning rate on a copy; objective and random state are unchanged.

    Args:
        objective: what would be trained.
        batches: training data.
        optimizers: spec of the optimizer; its learning rate is overwritten.
        low: the rate that the sweep begins with.
        high: the rate that it ends with.
        steps: of the sweep.
        decay: share of the running mean of the loss that is kept at each step.
        seed: of the order of the data, and of dropout.

    Raises:
        UsageError: `high` is not above `low`, fewer than 3 steps, or no batches.
    """
    planned = rates(low=low, high=high, steps=steps)
    losses: list[float] = []
    smooth: list[float] = []
    mean, ended = 0.0, "steps"
    with twin(objective, seed=seed) as made:
        source = endless(batches, seed=seed, device=device_of(made))
        players = optimizers_of(made, optimizers)
        for number, (rate, batch) in enumerate(zip(planned, source, strict=False)):
            loss = _step(made, batch, players, rate)
            if not math.isfinite(loss):
                ended = "not finite"
                break
            losses.append(loss)
            mean = decay * mean + (1 - decay) * loss
            smooth.append(mean / (1 - decay ** (number + 1)))
            if smooth[-1] > losses[0] + abs(losses[0]):
                ended = "rose"
                break
    swept = tuple(planned[: len(losses)])
    suggestion, limit = _suggested(swept, losses, smooth)
    return LRRange(swept, tuple(losses), tuple(smooth), suggestion, limit, ended)


def rates(*, low: float, high: float, steps: int) -> list[float]:
    """The rates of a sweep: each the one before times the same factor.

    Raises:
        UsageError: `high` is not above `low`, or there are fewer than 3 steps.
    """
    if not 0 < low < high:
        raise UsageError(f"the sweep goes from low={low:g} to high={high:g}; give 0 < low < high")
    if steps < 3:
        raise UsageError(f"steps={steps} is too few for a sweep; expected at least 3")
    return [low * (high / low) ** (i / (steps - 1)) for i in range(steps)]


def _step(
    objective: Objective, batch: Batch, players: dict[str, torch.optim.Optimizer], rate: float
) -> float:
    """Step every player at a learning rate; return the first player's loss before that."""
    first = math.nan
    for number, (name, value) in enumerate(gradients(objective, batch)):
        first = float(value) if number == 0 else first
        for group in players[name].param_groups:
            group["lr"] = rate
        players[name].step()
    return first


def _suggested(
    tried: Sequence[float], losses: Sequence[float], smooth: Sequence[float]
) -> tuple[float | None, float | None]:
    """The middle of the steepest decade before the lowest loss, and the rate of that."""
    if not smooth:
        return None, None
    # In the first decade the rate is too small to change anything: what varies there is noise.
    early = [loss for rate, loss in zip(tried, losses, strict=True) if rate <= 10 * tried[0]]
    level = sum(early) / len(early)
    noise = (sum((loss - level) ** 2 for loss in early) / len(early)) ** 0.5
    lowest = min(range(len(smooth)), key=smooth.__getitem__)
    if level - smooth[lowest] <= noise:
        return None, None
    places = [math.log10(rate) for rate in tried[: lowest + 1]]
    slopes = {i: _slope(places, losses, i) for i in range(lowest)}
    if not slopes or min(slopes.values()) >= 0:
        return None, None
    return tried[min(slopes, key=slopes.__getitem__)], tried[lowest]


def _slope(places: Sequence[float], losses: Sequence[float], middle: int) -> float:
    """Slope of a straight line through the losses within half a decade, or of the neighbours."""
    near = [
        j
        for j in range(len(places))
        if abs(places[j] - places[middle]) <= 0.5 or abs(j - middle) <= 1
    ]
    mean = sum(places[j] for j in near) / len(near)
    level = sum(losses[j] for j in near) / len(near)
    spread = sum((places[j] - mean) ** 2 for j in near)
    return sum((places[j] - mean) * (losses[j] - level) for j in near) / spread
