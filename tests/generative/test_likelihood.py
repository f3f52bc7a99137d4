import pytest
import torch
from torch import nn

from cartograd.engine.loop.fit import fit
from cartograd.generative.flows.flow import log_normal
from cartograd.generative.likelihood import Likelihood
from cartograd.practice.metrics.bits_per_dim import bits_per_dim
from cartograd.practice.metrics.log_density import log_density


class Affine(nn.Module):
    """The normal distributions with a triangular factor."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.eye(2))
        self.shift = nn.Parameter(torch.zeros(2))

    def forward(self, x):
        z = (x - self.shift) @ self.factor.tril().T
        return log_normal(z) + self.factor.diagonal().abs().log().sum()


@pytest.mark.law("likelihood")
def test_the_best_affine_flow_has_the_samples_mean_and_covariance():
    x = torch.randn(400, 2) @ torch.tensor([[1.5, 0.0], [0.7, 0.4]]).T + torch.tensor([2.0, -1.0])
    model = Affine()
    fit(
        Likelihood(model=model), [(x, x)], optimizers="adam:lr=0.05", schedule="cosine", epochs=300,
        device="cpu",
    )  # fmt: skip
    torch.testing.assert_close(model.shift.detach(), x.mean(0), atol=2e-3, rtol=0)
    factor = model.factor.detach().tril()
    covariance = torch.linalg.inv(factor.T @ factor)
    torch.testing.assert_close(covariance, x.T.cov(correction=0), atol=5e-3, rtol=5e-3)


@pytest.mark.law("bits-per-dim")
@pytest.mark.law("log-density")
def test_bits_of_a_uniform_distribution():
    targets = torch.zeros(7, 1, 2, 3)
    nats = torch.full((7,), -6 * torch.tensor(16.0, dtype=torch.float64).log().item()).double()
    assert bits_per_dim(nats, targets) == pytest.approx(4, abs=1e-6)
    expected = -bits_per_dim(nats, targets) * 6 * 0.6931471805599453
    assert log_density(nats, targets) == pytest.approx(expected, abs=1e-10)


@pytest.mark.oracle("bits-per-dim")
def test_bits_of_a_normal_distribution():
    from scipy.stats import norm

    x = torch.randn(50, 3, dtype=torch.float64)
    expected = -norm.logpdf(x.numpy()).mean() / 0.6931471805599453
    assert bits_per_dim(log_normal(x), x) == pytest.approx(expected, abs=1e-10)
