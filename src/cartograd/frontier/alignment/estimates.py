"""Estimates of reinforcement learning: advantages, divergences, and numbers made alike.

References:
    John Schulman et al. High-dimensional continuous control using generalized advantage estimation.
    2015. https://arxiv.org/abs/1506.02438
    John Schulman. Approximating KL divergence. 2020. http://joschu.net/blog/kl-approx.html
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def advantages(
    rewards: Float[Tensor, "b t"],
    values: Float[Tensor, "b t"],
    mask: Bool[Tensor, "b t"],
    /,
    *,
    gamma: float = 1.0,
    gae_lambda: float = 0.95,
) -> Float[Tensor, "b t"]:
    """How much better each step went than expected; 0 where there was none.

        A_t = sum_(s >= t) (gamma lambda)^(s - t) (r_s + gamma V_(s + 1) - V_s)

    Args:
        rewards: of each step.
        values: what was expected from each step on.
        mask: which steps there were, one after another in each row; after the last comes nothing.
        gamma: how much later rewards count.
        gae_lambda: how far rewards are followed, instead of what was expected.
    """
    found, after, later = torch.zeros_like(rewards), rewards[:, :1] * 0, rewards[:, :1] * 0
    for place in reversed(range(rewards.shape[1])):
        here, there = slice(place, place + 1), mask[:, place : place + 1]
        surprise = rewards[:, here] + gamma * after - values[:, here]
        found[:, here] = later = torch.where(there, surprise + gamma * gae_lambda * later, later)
        after = torch.where(there, values[:, here], after)
    return found.where(mask, found.new_zeros(()))


def whitened(x: Float[Tensor, "b t"], mask: Bool[Tensor, "b t"], /) -> Float[Tensor, "b t"]:
    """Numbers with mean 0 and variance 1 over the steps that there were; 0 elsewhere."""
    there = x[mask]
    scale = there.std() if len(there) > 1 else there.new_ones(())
    return ((x - there.mean()) / (scale + 1e-8)).where(mask, x.new_zeros(()))


def k1(now: Float[Tensor, "..."], then: Float[Tensor, "..."], /) -> Float[Tensor, "..."]:
    """The log of p / q of what p drew: unbiased for KL(p || q), negative at times."""
    return now - then


def k3(now: Float[Tensor, "..."], then: Float[Tensor, "..."], /) -> Float[Tensor, "..."]:
    """The q / p - 1 - log q / p of what p drew: unbiased for KL(p || q), and never negative."""
    return torch.expm1(then - now) - (then - now)


ESTIMATORS = {"k1": k1, "k3": k3}
