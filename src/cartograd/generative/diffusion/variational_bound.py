"""The variational bound: what a chain of steps back says of an example at the least.

An example is worn away along the path, and the model says of each step back how likely it is. In
all, the log-probability is at least

    -KL(q(x_T | x) || noise) - sum_s KL(q(x_s | x_t, x) || p(x_s | x_t)) + log p(x | x_1)

All but the last term are divergences of normal distributions; the last is the probability of the
whole level (a grey value) under the last step, the outermost levels taking all beyond them, or of
real numbers its density. Each step sees noise of its own.

Departures: fewer steps than the chain has are spaced evenly; the bound is that of the shorter
chain.

References:
    Jonathan Ho, Ajay Jain, Pieter Abbeel. Denoising diffusion probabilistic models. NeurIPS 2020.
    https://arxiv.org/abs/2006.11239
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.generative import Level, Likelihood
from cartograd.generative.diffusion.paths import wide
from cartograd.generative.diffusion.reverse import Reverses, log_variances, mean_back
from cartograd.generative.samplers.steps import fresh, pairs


@dataclass(frozen=True)
class Bins:
    """Evenly spaced levels, standardised as the model's examples are.

    Attributes:
        low, high: the outermost levels.
        step: from a level to the next.
    """

    low: Float[Tensor, "..."]
    high: Float[Tensor, "..."]
    step: Float[Tensor, "..."]


@torch.no_grad()
def variational_bound(
    model: Reverses,
    x: Float[Tensor, "b ..."],
    /,
    *,
    steps: int = 1000,
    bins: Bins | None = None,
    draws: int = 1,
    seed: int = 0,
) -> Likelihood:
    """A lower bound of each example's log-probability (of levels) or log-density, in nats.

    Args:
        model: says of a step back its guess and its variance.
        x: examples, standardised as the model's are.
        steps: of the chain.
        bins: the levels that the numbers of the examples take; None for real numbers.
        draws: of the noise, whose mean is the bound.
        seed: of the noise.

    Raises:
        UsageError: the model's chain has fewer steps.
    """
    levels = model.levels(steps)
    generator = torch.Generator().manual_seed(seed)
    prior = 0.5 * (wide(levels.alpha[0] / levels.sigma[0], x) * x).square().flatten(1).sum(1)
    found = []
    for _ in range(draws):
        total = -prior.double()
        for now, then in pairs(levels):
            total = total + _step(model, x, now, then, bins, generator).double()
        found.append(total)
    nats = torch.stack(found)
    error = nats.std(0) / math.sqrt(draws) if draws > 1 else None
    return Likelihood(nats.mean(0).to(x.dtype), "vlb", math.prod(x.shape[1:]), error)


def _step(
    model: Reverses,
    x: Tensor,
    now: Level,
    then: Level,
    bins: Bins | None,
    generator: torch.Generator,
) -> Tensor:
    """What a step adds to the bound of each example."""
    noisy = wide(now.alpha, x) * x + wide(now.sigma, x) * fresh(x, generator)
    guess, log_variance = model.reverse(noisy, now, then)
    mean = mean_back(noisy, guess, now, then)
    if then.sigma > 0:
        right = mean_back(noisy, x, now, then)
        return -divergence(right, mean, log_variances(now, then)[0], log_variance).flatten(1).sum(1)
    std = (0.5 * log_variance).exp().to(x)
    logs = _log_density(x, mean, std) if bins is None else level_log_prob(x, mean, std, bins)
    return logs.flatten(1).sum(1)


def _log_density(x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return -0.5 * ((x - mean) / std).square() - std.log() - 0.5 * math.log(2 * math.pi)


def level_log_prob(
    x: Float[Tensor, "b ..."],
    mean: Float[Tensor, "b ..."],
    std: Float[Tensor, "..."],
    bins: Bins,
    /,
) -> Float[Tensor, "b ..."]:
    """The log-probability of each level under a normal distribution.

    >>> bins = Bins(*(torch.tensor(one).double() for one in (-1.0, 1.0, 0.5)))
    >>> x = torch.linspace(-1, 1, 5).double()[:, None]
    >>> shares = level_log_prob(x, torch.zeros_like(x) + 0.9, torch.tensor(0.3), bins).exp()
    >>> round(shares.sum().item(), 9)
    1.0
    """
    x, mean, std = x.double(), mean.double(), std.double()
    low, high, step = (one.double() for one in (bins.low, bins.high, bins.step))
    above, below = (x + step / 2 - mean) / std, (x - step / 2 - mean) / std
    flip = above + below > 0  # where the tail is on the right, look at it from the other side
    above, below = torch.where(flip, -below, above), torch.where(flip, -above, below)
    upper, lower = torch.special.log_ndtr(above), torch.special.log_ndtr(below)
    inner = upper + torch.log(-torch.expm1(lower - upper))
    first = torch.special.log_ndtr((x + step / 2 - mean) / std)
    last = torch.special.log_ndtr(-(x - step / 2 - mean) / std)
    return torch.where(x < low + step / 2, first, torch.where(x > high - step / 2, last, inner))


def divergence(
    right: Float[Tensor, "b ..."],
    mean: Float[Tensor, "b ..."],
    log_right: Float[Tensor, "*b"],
    log_variance: Float[Tensor, "..."],
    /,
) -> Float[Tensor, "b ..."]:
    """KL from the true step, of mean `right`, to the model's, number by number."""
    log_right = wide(log_right, right)
    apart = log_variance.to(right) - log_right
    return 0.5 * (apart + (-apart).expm1() + (right - mean) ** 2 * (-log_right - apart).exp())
