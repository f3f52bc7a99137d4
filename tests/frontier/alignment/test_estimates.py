"""Advantages against a double loop, divergences in expectation, and whitening."""

import pytest
import torch

from cartograd.frontier.alignment.estimates import advantages, k1, k3, whitened


@pytest.mark.law("ppo")
@pytest.mark.parametrize(("gamma", "gae_lambda"), [(1.0, 0.95), (0.9, 0.5), (1.0, 0.0)])
def test_advantages_equal_the_double_sum(gamma, gae_lambda):
    draw = torch.Generator().manual_seed(0)
    rewards, values = (torch.randn(4, 7, generator=draw, dtype=torch.float64) for _ in range(2))
    begins, ends = [0, 2, 3, 6], [7, 5, 4, 7]
    mask = torch.zeros(4, 7, dtype=torch.bool)
    expected = torch.zeros(4, 7, dtype=torch.float64)
    for row, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        mask[row, begin:end] = True
        for t in range(begin, end):
            for s in range(t, end):
                after = values[row, s + 1] if s + 1 < end else 0
                surprise = rewards[row, s] + gamma * after - values[row, s]
                expected[row, t] += (gamma * gae_lambda) ** (s - t) * surprise
    found = advantages(rewards, values, mask, gamma=gamma, gae_lambda=gae_lambda)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.law("ppo")
def test_both_estimates_are_the_divergence_on_average():
    draw = torch.Generator().manual_seed(1)
    p, q = (torch.randn(9, generator=draw, dtype=torch.float64).log_softmax(0) for _ in range(2))
    true = (p.exp() * (p - q)).sum()
    assert (k3(p, q) >= 0).all()
    assert (k1(p, q) < 0).any()
    for estimate in (k1, k3):
        torch.testing.assert_close((p.exp() * estimate(p, q)).sum(), true, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("gae_lambda", "apart"), [(0.95, 0.2), (1.0, 0.0)])
def test_before_a_critic_learns_only_whole_returns_leave_the_first_token_alone(gae_lambda, apart):
    """Rewarded by a coin, so that nothing is better; by how much the first token seems worse."""
    mask, rewards = torch.ones(2000, 10, dtype=torch.bool), torch.zeros(2000, 10)
    rewards[::2, -1] = 1
    gain = advantages(rewards, torch.zeros_like(rewards), mask, gae_lambda=gae_lambda)
    places = whitened(gain, mask).mean(0)
    assert abs(places[0] + apart) < 0.02
    assert abs(places[-1] - apart) < 0.05


def test_whitening_looks_at_what_is_there_alone():
    x, mask = torch.arange(12.0).view(3, 4), torch.arange(4).expand(3, 4) < 3
    found = whitened(x.masked_fill(~mask, torch.inf), mask)
    assert (found[:, 3] == 0).all()
    assert abs(found[mask].mean()) < 1e-6
    assert abs(found[mask].std() - 1) < 1e-6
    assert (whitened(torch.ones(1, 1), torch.ones(1, 1, dtype=torch.bool)) == 0).all()
