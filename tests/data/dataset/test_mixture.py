"""Mixtures and quadrature, against torch's distributions and known integrals."""

import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from cartograd.data.dataset.mixture import log_mixture, quadrature, turns


def test_log_mixture_equals_torchs():
    centres = torch.randn(5, 3, dtype=torch.float64)
    weights = torch.rand(5, dtype=torch.float64).softmax(0)
    x = torch.randn(20, 3, dtype=torch.float64) * 3
    clouds = Independent(Normal(centres, torch.tensor(0.7, dtype=torch.float64)), 1)
    expected = MixtureSameFamily(Categorical(weights), clouds).log_prob(x)
    torch.testing.assert_close(
        log_mixture(x, centres, weights, noise=0.7), expected, rtol=1e-10, atol=1e-10
    )


def test_quadrature_is_exact_for_polynomials():
    points, weights = quadrature(3.0, 1.3)
    assert len(points) == 24
    for power in range(16):
        torch.testing.assert_close(
            (weights * points**power).sum(), torch.tensor(1 / (power + 1), dtype=torch.float64)
        )


def test_a_gaussian_slid_along_a_line_equals_the_closed_form():
    length, noise = 5.0, 0.01
    points, weights = quadrature(length, noise)
    line = torch.stack([points * length, torch.zeros_like(points)], dim=1)
    x = torch.tensor([[1.0, 0.0], [0.0, 0.02], [4.99, -0.01], [5.02, 0.0]], dtype=torch.float64)
    across = Normal(0.0, noise)
    share = across.cdf(x[:, 0]) - across.cdf(x[:, 0] - length)
    expected = across.log_prob(x[:, 1]) + share.log() - torch.tensor(length).log()
    torch.testing.assert_close(
        log_mixture(x, line, weights, noise=noise), expected, rtol=1e-7, atol=1e-7
    )


def test_turns():
    assert turns(5, 2).tolist() == [0, 1, 0, 1, 0]
