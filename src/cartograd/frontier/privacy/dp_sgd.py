"""DP-SGD: steps in which no example counts for more than a bound, hidden by noise.

Each example's gradient is cut to a length, and to their sum comes normal noise in proportion to
that length. So the weights tell little of any one example, and the accountant says how little:
whoever sees the weights after all steps, and knows every other example, has odds of at most e^eps
to tell whether this one was there, but for a chance of delta.

    g = (sum_i g_i min(1, clip / |g_i|) + noise clip N(0, 1)) / (q n),   i in the batch by chance q

Shapes: those of the objective's batches, and at their end which rows are in the batch.

Departures: the batches are drawn as the account says (each example by itself), so sampler, clipping
and account are one object. Draws come from a secret of the run, not from its seed, which a run's
files tell; torch's generator is no cryptographic one, and the noise is of floating-point numbers.
Two data sets are neighbours if one has an example more.

References:
    Martin Abadi, Andy Chu, Ian Goodfellow, Brendan McMahan, Ilya Mironov, Kunal Talwar, Li Zhang.
    Deep learning with differential privacy. CCS 2016. https://arxiv.org/abs/1607.00133

>>> from cartograd.frontier.privacy.loss_distribution import epsilon
>>> round(epsilon(rate=256 / 60_000, noise=1.1, steps=14_062, delta=1e-5), 2)
2.38
"""

import secrets
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.hashing import mixed
from cartograd.core.protocols import Batch, Loss, Objective, Validating
from cartograd.data.dataset.augment import Chain
from cartograd.data.dataset.dataset import Examples
from cartograd.frontier.privacy import independent, loss_distribution, renyi
from cartograd.frontier.privacy.per_example import ExampleGradients
from cartograd.frontier.privacy.poisson import PoissonBatches

CARD = Card(
    name="dp-sgd",
    kind="privacy",
    entry="dp_sgd",
    nodes=("privacy/dp", "privacy/membership-inference"),
    title="Differentially private SGD",
    zh="差分隐私 SGD（DP-SGD）",
    paper="Deep learning with differential privacy",
    year=2016,
    url="https://arxiv.org/abs/1607.00133",
    proofs=(
        "law: each example's gradient and the clipped sum equal those of examples alone, to 1e-10 "
        "in float64, whichever way they are computed",
        "law: without noise or clipping a step is that of the mean gradient",
        "law: the account of a Gaussian mechanism is the closed form, and never below it",
        "oracle: dp-accounting's and opacus' eps on six settings, to 0.01",
        "law: who is found by scores bounds eps from below, under the true one of known answers",
        "oracle: scikit-learn's ROC curve, area and hits, of membership inference",
    ),
    evidence={
        "privacy/dp": (
            "test_gradients_are_those_of_examples_alone",
            "test_accounts_are_those_of_dp_accounting_and_opacus",
            "acceptance:private-fashion",
        ),
        "privacy/membership-inference": (
            "test_areas_and_hits_are_those_of_scikit_learn",
            "claim:dp-limits-leakage",
        ),
    },
)

AT_ONCE = 256
"""Examples whose gradients are computed together."""


def dp_sgd(
    objective: Objective,
    part: Examples,
    size: int,
    epochs: int,
    /,
    *,
    epsilon: float | None = None,
    delta: float = 1e-5,
    clip: float = 1.0,
    noise: float | None = None,
    secret: int | None = None,
    public_statistics: bool = False,  # noqa: ARG001
) -> "Private":
    """A private training: an objective, and the batches that go with it.

    Args:
        objective: whose losses; of one player, with a loss for each example.
        part: the training examples.
        size: how many of them join a batch on average.
        epochs: how often to go through as many examples as there are.
        epsilon: the odds that are allowed, as a power of e; `noise` follows from it. 3 unless told.
        delta: the chance with which more may be told; below one in the number of examples.
        clip: largest length of an example's gradient.
        noise: spread of the noise in units of `clip`, in the place of `epsilon`.
        secret: where all draws come from, to repeat a run; whoever knows it can subtract the noise.
        public_statistics: whether the mean, spread and categories of columns, or the words of a
            vocabulary, are known anyway; else data are refused whose are the training examples'.

    Raises:
        UsageError: epsilon and noise are both given, delta is no small chance beside the number of
            examples, the objective is none of single examples, or no noise gives this epsilon.
    """
    if epsilon is not None and noise is not None:
        raise UsageError(
            f"dp-sgd: epsilon={epsilon:g} and noise={noise:g} are both given, and each follows "
            "from the other; leave one out"
        )
    if delta * len(part) >= 1:
        raise UsageError(
            f"dp-sgd: delta={delta:g} allows to publish one of the {len(part):,} training examples "
            f"whole; expected less than 1 / {len(part)}, such as delta={0.1 / len(part):.1g}"
        )
    rate, steps = min(1.0, size / len(part)), -(-len(part) // size)
    if noise is None:
        epsilon = 3.0 if epsilon is None else epsilon
        noise = enough_noise(epsilon, rate=rate, steps=steps * epochs, delta=delta)
    return Private(
        objective, part, rate=rate, steps=steps, delta=delta, clip=clip, noise=noise, secret=secret
    )


class Private(nn.Module):
    """An objective whose gradients are those of DP-SGD, and whose batches are its own.

    Args:
        objective: whose losses.
        part: the training examples.
        rate: chance of an example to join a batch.
        steps: batches in an epoch.
        delta, clip, noise, secret: see `dp_sgd`.
    """

    secret: Tensor
    taken: Tensor

    def __init__(
        self,
        objective: Any,
        part: Examples,
        /,
        *,
        rate: float,
        steps: int,
        delta: float,
        clip: float,
        noise: float,
        secret: int | None = None,
    ):
        super().__init__()
        if len(objective.players) != 1:
            raise UsageError(
                f"dp-sgd: the objective has the players {', '.join(objective.players)}; expected "
                "one, whose losses are those of examples"
            )
        self.objective, self.players = objective, objective.players
        ((self.player, module),) = objective.players.items()
        self.part, self.rate, self.steps = part, rate, steps
        self.delta, self.clip, self.noise, self.told = delta, clip, noise, secret is not None
        chosen = secrets.randbits(62) if secret is None else secret
        self.register_buffer("secret", torch.tensor(chosen))
        self.register_buffer("taken", torch.tensor(0))
        few = self._few()
        independent.check(module, self._each, few)
        self.way = ExampleGradients(module, self._each).settle(few)

    @property
    def gradients(self) -> ExampleGradients:
        """What computes the gradients of examples."""
        return ExampleGradients(self.players[self.player], self._each, self.way)

    def batches(self, *, augment: Chain | None = None) -> PoissonBatches:
        """The batches of the training: each example joins each of them with the same chance."""
        return PoissonBatches(self.part, self.rate, self.steps, lambda: int(self.secret), augment)

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One number, whose gradient is the private one and whose value the mean loss.

        Raises:
            UsageError: the batch is none of `batches`.
        """
        *given, joined = batch
        if joined.dtype != torch.bool or joined.shape != given[0].shape[:1]:
            raise UsageError("dp-sgd: trained on other batches than its own; give `batches()`")
        gradients, spread = self.gradients, self.noise * self.clip
        weights = gradients.weights
        drawn = torch.Generator().manual_seed(mixed(int(self.secret), -1 - int(self.taken)))
        told = [
            spread * torch.randn(w.shape, generator=drawn, dtype=w.dtype).to(w.device)
            for w in weights
        ]
        lost = joined.new_zeros((), dtype=weights[0].dtype)
        for rows in torch.arange(len(joined)).split(AT_ONCE) if joined.any() else ():
            total, _, loss = gradients.clipped(tuple(x[rows] for x in given), self.clip)
            told = [noise + own for noise, own in zip(told, total, strict=True)]
            lost = lost + loss.sum()
        self.taken += 1
        expected = self.rate * len(self.part)
        parts = [(w * (g / expected)).sum() for w, g in zip(weights, told, strict=True)]
        along = torch.stack(parts).sum()
        yield Loss(along - along.detach() + lost / len(joined), player=self.player)

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """As the objective validates; nothing of it is bounded, as nothing is learned of it."""
        if isinstance(self.objective, Validating):
            return self.objective.validate(batch)
        return {"loss": self._each(batch)}

    def epsilon(self, steps: int, /) -> float:
        """What so many steps tell of an example at most, to the exponent of e."""
        return loss_distribution.epsilon(
            rate=self.rate, noise=self.noise, steps=steps, delta=self.delta
        )

    def account(self, steps: int, /) -> dict[str, Any]:
        """The account of a run, as plain values."""
        return {
            "method": "dp-sgd", "epsilon": self.epsilon(steps), "delta": self.delta,
            "steps": steps, "rate": self.rate, "noise": self.noise, "clip": self.clip,
            "neighbours": "one training example more or less",
            "secret": "told, so that nothing is bounded" if self.told else "drawn, in checkpoints",
        }  # fmt: skip

    def _each(self, batch: tuple[Tensor, ...]) -> Tensor:
        """The loss of each example."""
        found = list(self.objective.losses(batch))
        if len(found) != 1 or found[0].weight is not None or not found[0].value.ndim:
            raise UsageError(
                "dp-sgd: the objective gives "
                + ("weights of its losses" if len(found) == 1 else f"{len(found)} losses")
                + " for a batch; expected one loss for each example, which all count alike"
            )
        value = found[0].value
        return value.flatten(1).mean(1) if value.ndim > 1 else value

    def _few(self) -> tuple[Tensor, ...]:
        """Some examples, to see whether each has a loss of its own."""
        few = self.part.select(range(min(3, len(self.part))))
        batch = next(iter(few.batches(batch_size=len(few), shuffle=False).epoch(0, seed=0)))
        device = next(self.players[self.player].parameters()).device
        return tuple(one.to(device) for one in batch)


def enough_noise(epsilon: float, /, *, rate: float, steps: int, delta: float) -> float:
    """The least noise for an epsilon, to a thousandth.

    Raises:
        UsageError: even noise of a hundred thousand times the clipping length is too little.

    >>> round(enough_noise(2.0, rate=0.01, steps=1000, delta=1e-5), 2)
    0.96
    """

    def loose(noise: float) -> float:
        return renyi.epsilon(rate=rate, noise=noise, steps=steps, delta=delta)

    def tight(noise: float) -> float:
        return loss_distribution.epsilon(rate=rate, noise=noise, steps=steps, delta=delta)

    high = 0.3
    while loose(high) > epsilon:
        high *= 1.5
        if high > 1e5:
            raise UsageError(f"dp-sgd: no noise gives epsilon={epsilon:g} at delta={delta:g}")
    low = high / 2
    while tight(low) <= epsilon and low > 0.05:
        high, low = low, low / 1.5
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if tight(middle) > epsilon else (low, middle)
    return high
