"""Gradient noise scale: the batch size beyond which more examples hardly help a step.

A batch's gradient is the true one plus noise that falls with its size. Where the noise is as large
as the signal, doubling the batch nearly halves the steps that are needed; far above it saves almost
none. Gradients of a small and of a large batch are enough to tell signal and noise apart.

    |G|^2 = (B |g_B|^2 - b |g_b|^2) / (B - b),    S = (|g_b|^2 - |g_B|^2) / (1/b - 1/B)
    B_simple = S / |G|^2

Shapes: batches are the objective's, usually inputs `b ...` and targets ` b`.

Departures: the large gradient is the mean of its parts' (the same passes give both), and S and
|G|^2, each unbiased, are averaged over the batches before they are divided; the paper keeps running
means. The interval leaves each batch out in turn (the jackknife). Examples drawn without
replacement make S smaller by the share of the data that a batch holds.

References:
    Sam McCandlish, Jared Kaplan, Dario Amodei, OpenAI Dota Team. An empirical model of large-batch
    training. 2018, appendix A.1. https://arxiv.org/abs/1812.06162

>>> scale(signal=4.0, noise=100.0)
25.0
"""

import math
from dataclasses import dataclass
from itertools import islice
from typing import Any

from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Objective
from cartograd.engine.inputs.stream import examples
from cartograd.training.diagnosis.twin import device_of, endless, gradients, learned, twin

CARD = Card(
    name="gradient-noise",
    kind="diagnostic",
    entry="gradient_noise",
    nodes=("challenge/instability", "train/batch-size"),
    title="Gradient noise scale",
    zh="梯度噪声尺度",
    paper="An empirical model of large-batch training",
    year=2018,
    url="https://arxiv.org/abs/1812.06162",
    proofs=(
        "law: with parts of one example, S is the unbiased variance of the gradients, to 1e-10 in "
        "float64",
        "law: gradients drawn with a known mean and variance give the known scale within its "
        "standard error, whatever the two batch sizes",
    ),
    evidence={
        "challenge/instability": ("test_a_known_scale_is_found",),
        "train/batch-size": ("test_a_known_scale_is_found",),
    },
    tiny={"draws": 2, "parts": 2},
)


@dataclass(frozen=True)
class NoiseScale:
    """How noisy gradients are.

    Attributes:
        scale: B_simple, in examples; infinite where no signal can be told from the noise.
        low, high: its interval, about 95 %.
        signal: |G|^2, the squared norm of the true gradient.
        noise: S, the variance of one example's gradient, over all parameters.
        small, large: the two batch sizes.
        draws: number of batches that were measured.
    """

    scale: float
    low: float
    high: float
    signal: float
    noise: float
    small: float
    large: int
    draws: int


def gradient_noise(
    objective: Objective,
    batches: Any,
    /,
    *,
    parts: int = 8,
    draws: int = 20,
    player: str = "model",
    seed: int = 0,
) -> NoiseScale:
    """Measure the noise scale at the present weights; objective and random state are unchanged.

    Args:
        objective: what is trained.
        batches: training data; their size is the large one.
        parts: into how many small batches each is cut.
        draws: number of batches to measure.
        player: whose gradient, where there are several (the only one otherwise).
        seed: of the order of the data, and of dropout.

    Raises:
        UsageError: a batch has fewer examples than parts, or there are none.
    """
    if parts < 2 or draws < 2:
        raise UsageError(f"parts={parts}, draws={draws}: two sizes and two draws are the least")
    estimates: list[tuple[float, float]] = []
    sizes: list[tuple[float, int]] = []
    with twin(objective, seed=seed) as made:
        player = player if len(made.players) > 1 else next(iter(made.players))
        source = endless(batches, seed=seed, device=device_of(made))
        for batch in islice(source, 8 * draws):
            large = examples(batch)
            if large < parts:
                if not estimates and not sizes:
                    raise UsageError(f"a batch of {large} cannot be cut into {parts} parts")
                continue  # the short last batch of an epoch
            small = large // parts
            squares, mean = _gradients(made, _cut(batch, parts, small), player)
            estimates.append(estimate(squares, mean, small=small, large=small * parts))
            sizes.append((small, small * parts))
            if len(estimates) == draws:
                break
    scales = _scale_of(estimates)
    low, high = _interval(estimates, scales)
    signal, noise = (sum(item[i] for item in estimates) / len(estimates) for i in (0, 1))
    return NoiseScale(scales, low, high, signal, noise, *sizes[0], len(estimates))


def estimate(small_square: float, large_square: float, /, *, small: int, large: int) -> Any:
    """|G|^2 and S, both unbiased, from the mean squared norms of gradients of two batch sizes.

    Args:
        small_square: of gradients of `small` examples.
        large_square: of gradients of `large` examples.
        small: fewer examples.
        large: more examples.
    """
    signal = (large * large_square - small * small_square) / (large - small)
    noise = (small_square - large_square) / (1 / small - 1 / large)
    return signal, noise


def scale(*, signal: float, noise: float) -> float:
    """B_simple; infinite where the estimate of the signal is not above 0."""
    return noise / signal if signal > 0 else math.inf


def _gradients(objective: Objective, parts: list[Batch], player: str) -> tuple[float, float]:
    """The mean squared norm of the parts' gradients, and the squared norm of their mean."""
    squares = 0.0
    sums: list[Tensor] = []
    for part in parts:
        for name, _ in gradients(objective, part):
            if name != player:
                continue
            grads = [
                parameter.grad.detach().double()
                for parameter in learned(objective.players[player])
                if parameter.grad is not None
            ]
            squares += sum(float(item.square().sum()) for item in grads)
            sums = grads if not sums else [a + b for a, b in zip(sums, grads, strict=True)]
    count = len(parts)
    if not sums:
        raise UsageError(f"the objective yields no loss for player {player!r}")
    return squares / count, sum(float((item / count).square().sum()) for item in sums)


def _cut(batch: Batch, parts: int, size: int) -> list[Batch]:
    return [tuple(item[i * size : (i + 1) * size] for item in batch) for i in range(parts)]


def _scale_of(estimates: list[tuple[float, float]]) -> float:
    return scale(signal=sum(x for x, _ in estimates), noise=sum(x for _, x in estimates))


def _interval(estimates: list[tuple[float, float]], middle: float) -> tuple[float, float]:
    """The jackknife's interval, on the scale's inverse, which stays finite without signal."""
    inverse = 1 / middle if middle else math.inf
    if not math.isfinite(inverse):
        return 0.0, 0.0
    n = len(estimates)
    left = [estimates[:i] + estimates[i + 1 :] for i in range(n)]
    values = [sum(x for x, _ in rest) / sum(y for _, y in rest) for rest in left]
    mean = sum(values) / n
    error = math.sqrt((n - 1) / n * sum((value - mean) ** 2 for value in values))
    ends = sum(x for x, _ in estimates) / sum(y for _, y in estimates)
    low, high = ends - 1.96 * error, ends + 1.96 * error
    return (1 / high if high > 0 else math.inf), (1 / low if low > 0 else math.inf)
