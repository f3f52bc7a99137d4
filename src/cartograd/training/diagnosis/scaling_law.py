r"""Scaling laws: the loss that a larger model on more tokens will reach, from small runs.

The loss of language models falls as a power of their weights N and of the tokens D that they learn
from, down to what no model can know. Five numbers are fitted to runs by a robust loss of
logarithms, from many starts; the interval of a prediction comes from fitting again to residuals
drawn anew.

    L(N, D) = E + (A / N^alpha + B / D^beta)^gamma
    form "sum": gamma = 1, Hoffmann's; more tokens bring a small model as much as a large one
    form "kaplan": beta = 1, Kaplan's with a floor; they bring a large model more
    N_best = G (C / 6)^(beta / (alpha + beta)),   G = (alpha A / beta B)^(1 / (alpha + beta)),
    D_best = C / (6 N_best)      a compute of C operations takes 6 N D of them

Shapes: n runs, each with weights, tokens and loss.

Departures: Kaplan's law has no floor; Henighan et al. give one to its parts. Trust-region least
squares with Huber's loss where Hoffmann et al. take L-BFGS, and squares up to an error of a
hundredth, as small runs are noisier than large ones.

References:
    Jordan Hoffmann et al. Training compute-optimal large language models. 2022, NeurIPS 2022.
    https://arxiv.org/abs/2203.15556
    Jared Kaplan et al. Scaling laws for neural language models. 2020 (equation 1.5).
    https://arxiv.org/abs/2001.08361
    Tom Henighan et al. Scaling laws for autoregressive generative modeling. 2020 (the floor).
    https://arxiv.org/abs/2010.14701
    Tamay Besiroglu et al. Chinchilla scaling: a replication attempt. 2024 (how the fit goes wrong).
    https://arxiv.org/abs/2404.10102

>>> law = Law(1.69, 406.4, 410.7, 0.34, 0.28)
>>> round(law.loss(70e9, 1.4e12), 2)
1.94
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown

CARD = Card(
    name="scaling-law",
    kind="measurement",
    entry="scaling_law",
    nodes=("llm/scaling",),
    title="Scaling law: loss by weights and tokens",
    zh="缩放定律：损失随参数量与词元数的变化",
    paper="Training Compute-Optimal Large Language Models",
    year=2022,
    url="https://arxiv.org/abs/2203.15556",
    proofs=(
        "law: from runs that follow a law its five numbers come back, and the best split of a "
        "compute is where the loss is lowest",
        "law: the interval of a prediction holds the loss of a larger run where runs are noisy",
    ),
    evidence={
        "llm/scaling": (
            "test_the_numbers_of_a_law_come_back",
            "test_the_interval_holds_what_a_larger_run_reaches",
            "acceptance:scaling-laws",
        ),
    },
)

LEAST = 6
"""Fewest runs: five numbers are fitted."""

ROBUST = 1e-2
"""From which error of a logarithm on a run counts less than by its square."""

DRAWS = 300
"""How often the law is fitted again for an interval: seven of them lie beyond each of its ends."""

Form = Literal["sum", "kaplan"]
FREE = {"sum": [0, 1, 2, 3, 4], "kaplan": [0, 1, 2, 3, 5]}
"""Which of A, B, E, alpha, beta and gamma are fitted; the others are 1."""

Run = tuple[float, float, float]
"""Weights, tokens and loss."""


@dataclass(frozen=True)
class Prediction:
    """A loss that is expected, with its 95 % interval."""

    loss: float
    low: float
    high: float


@dataclass(frozen=True)
class Law:
    """A fitted law.

    Attributes:
        floor: E, the loss that stays however large model and data are.
        weights, tokens: A and B.
        alpha, beta: the powers.
        gamma: the power of what weights and tokens bring together.
        form: which of them were fitted: `sum` or `kaplan`.
        runs: it was fitted to.
    """

    floor: float
    weights: float
    tokens: float
    alpha: float
    beta: float
    gamma: float = 1.0
    form: Form = "sum"
    runs: tuple[Run, ...] = field(default=(), repr=False)

    def loss(self, n: float, d: float, /) -> float:
        """The loss of n weights after d tokens."""
        above = self.weights / n**self.alpha + self.tokens / d**self.beta
        return self.floor + above**self.gamma

    def best(self, compute: float, /) -> tuple[float, float]:
        """Weights and tokens by which so many operations bring the lowest loss."""
        both = self.alpha + self.beta
        ratio = self.alpha * self.weights / (self.beta * self.tokens)
        n = ratio ** (1 / both) * (compute / 6) ** (self.beta / both)
        return n, compute / (6 * n)

    def predicted(self, n: float, d: float, /, *, seed: int = 0) -> Prediction:
        """The loss of a run that was not fitted, with the interval that its noise leaves.

        Args:
            n: its weights.
            d: its tokens.
            seed: of the residuals that are drawn.

        Raises:
            UsageError: the law was not fitted to runs.
        """
        from scipy.special import stdtrit

        if len(self.runs) < LEAST:
            raise UsageError("this law was fitted to no runs, so nothing is known of their noise")
        table = np.array(self.runs)
        start = self._start()
        fitted = _logs(start, table)
        left = np.log(table[:, 2]) - fitted
        # Five numbers have bent to the residuals, and a few say little of their spread.
        free = max(1, len(left) - 5)
        wide = float(stdtrit(free, 0.975) / NormalDist().inv_cdf(0.975))
        left = (left - left.mean()) * math.sqrt(len(left) / free) * wide
        draw = np.random.default_rng(seed)
        found = []
        for _ in range(DRAWS):
            again = table.copy()
            again[:, 2] = np.exp(fitted + draw.choice(left, len(left)))
            own = _fitted(again, start, self.form)[0]
            found.append(_logs(own, np.array([[n, d, 1.0]]))[0] + draw.choice(left))
        low, high = np.quantile(found, [0.025, 0.975])
        return Prediction(self.loss(n, d), float(np.exp(low)), float(np.exp(high)))

    def _start(self) -> np.ndarray:
        sizes = [math.log(one) for one in (self.weights, self.tokens, self.floor)]
        return np.array([*sizes, self.alpha, self.beta, self.gamma])


def scaling_law(runs: Sequence[Run], /, *, form: Form = "sum") -> Law:
    """The law that runs follow.

    Args:
        runs: weights, tokens and loss of each; at least six, of several sizes and lengths.
        form: `sum` of a part of weights and a part of tokens, as Hoffmann's, or `kaplan`, where
            more tokens bring a large model more than a small one.

    Raises:
        UsageError: there are too few, a number is not above 0, sizes or lengths do not differ, or
            there is no such form.
    """
    if form not in FREE:
        raise unknown("form", form, FREE)
    table = np.array([tuple(map(float, one)) for one in runs], dtype=float).reshape(-1, 3)
    if len(table) < LEAST:
        raise UsageError(f"{len(table)} runs; a law has five numbers, so give at least {LEAST}")
    if not np.isfinite(table).all() or (table <= 0).any():
        row = int(np.argmax(~(np.isfinite(table) & (table > 0)).all(1)))
        raise UsageError(
            f"run {row + 1} is {tuple(table[row].tolist())}; expected weights, tokens and loss "
            "above 0"
        )
    for column, what in ((0, "weights"), (1, "tokens")):
        if len(np.unique(table[:, column])) < 3:
            raise UsageError(f"fewer than three numbers of {what}; the law needs runs that differ")
    best: tuple[np.ndarray, float] | None = None
    for start in _starts(table, form):
        found = _fitted(table, start, form)
        best = found if best is None or found[1] < best[1] else best
    assert best is not None
    a, b, e, alpha, beta, gamma = (float(one) for one in best[0])
    rows = tuple((float(n), float(d), float(loss)) for n, d, loss in table)
    return Law(math.exp(e), math.exp(a), math.exp(b), alpha, beta, gamma, form, rows)


def _starts(table: np.ndarray, form: Form) -> Iterator[np.ndarray]:
    """Numbers to begin from.

    Each term is half of what is above the floor at the middle of the runs, by several powers.
    """
    lowest = math.log(table[:, 2].min())
    middle = np.log(table[:, :2]).mean(0)
    powers = ((0.2, 0.5, 0.9), (0.2, 0.5, 0.9), (1.0,))
    if form == "kaplan":
        powers = ((0.6, 1.2), (1.0,), (0.1, 0.3))
    for alpha, beta, gamma, share in product(*powers, (0.5, 0.9)):
        above = math.log(max(1e-3, (1 - share) * math.exp(lowest))) / gamma - math.log(2)
        first = [above + alpha * middle[0], above + beta * middle[1], lowest + math.log(share)]
        yield np.array([*first, alpha, beta, gamma])


def _logs(numbers: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Logarithms of the losses of runs."""
    a, b, e, alpha, beta, gamma = numbers
    n, d = np.log(table[:, 0]), np.log(table[:, 1])
    return np.logaddexp(gamma * np.logaddexp(a - alpha * n, b - beta * d), e)


def _slopes(numbers: np.ndarray, table: np.ndarray) -> np.ndarray:
    """By how much those logarithms change with each of the numbers: n by 6."""
    a, b, e, alpha, beta, gamma = numbers
    n, d = np.log(table[:, 0]), np.log(table[:, 1])
    first, second = a - alpha * n, b - beta * d
    both = np.logaddexp(first, second)
    share, above = np.exp(first - both), np.exp(gamma * both - np.logaddexp(gamma * both, e))
    by = above * gamma * share, above * gamma * (1 - share)
    return np.stack([*by, 1 - above, -by[0] * n, -by[1] * d, above * both], 1)


def _fitted(table: np.ndarray, start: np.ndarray, form: Form) -> tuple[np.ndarray, float]:
    """The numbers that fit runs, and how badly."""
    from scipy.optimize import least_squares

    target, free = np.log(table[:, 2]), FREE[form]
    low = np.array([-50.0, -50.0, -50.0, 0.0, 0.0, 0.02])[free]
    high = np.array([80.0, 80.0, 50.0, 3.0, 3.0, 1.0])[free]

    def whole(numbers: np.ndarray) -> np.ndarray:
        every = start.copy()
        every[free] = numbers
        return every

    slopes: Any = lambda numbers: _slopes(whole(numbers), table)[:, free]  # noqa: E731
    found = least_squares(
        lambda numbers: _logs(whole(numbers), table) - target,
        np.clip(start[free], low + 1e-6, high - 1e-6), jac=slopes,
        bounds=(low, high), loss="huber", f_scale=ROBUST,
        x_scale=np.array([1.0, 1.0, 0.1, 0.1, 0.1, 0.1])[free], max_nfev=200,
    )  # fmt: skip
    return whole(found.x), float(found.cost)
