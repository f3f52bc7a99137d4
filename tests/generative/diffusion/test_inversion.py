import pytest
import torch

from cartograd.generative.diffusion.inversion import invert
from cartograd.generative.diffusion.ode_likelihood import ode_likelihood
from cartograd.generative.diffusion.paths import Growing, Straight, steps
from cartograd.generative.diffusion.repaint import repaint
from cartograd.generative.samplers.ddim import ddim
from tests.generative.samplers.gaussian import MEAN, STD, GaussianDenoiser

PATHS = {"edm": Growing(), "flow": Straight(), "ddpm": steps("linear", 1000)}
NOISE = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
NORMAL = torch.distributions.Normal(MEAN, STD)


@pytest.mark.place("diffusion/ddim")
@pytest.mark.parametrize("path", PATHS)
def test_inversion_finds_the_noise_that_ddim_began_with(path):
    model = GaussianDenoiser(PATHS[path])
    x = ddim(model, NOISE, torch.Generator(), steps=50)
    assert (invert(model, x, steps=50) - NOISE).abs().max() < 1e-3


@pytest.mark.parametrize("path", PATHS)
def test_the_density_by_the_flow_is_the_normal_one(path):
    """To a hundredth at 200 steps, and of second order in these."""
    model, x = GaussianDenoiser(PATHS[path]), MEAN + STD * NOISE
    errors = [
        (ode_likelihood(model, x, steps=count).nats - NORMAL.log_prob(x)[:, 0]).abs().max().item()
        for count in (50, 100, 200)
    ]
    assert errors[-1] < 0.015
    assert errors[0] / errors[1] > 2.8
    assert errors[1] / errors[2] > 2.5


def test_many_numbers_are_probed_and_the_error_is_told():
    model = GaussianDenoiser(Growing())
    x = MEAN + STD * torch.randn(4, 100, generator=torch.Generator().manual_seed(0)).double()
    found = ode_likelihood(model, x, steps=200)
    right = NORMAL.log_prob(x).sum(1)
    assert found.error is not None
    assert (found.nats - right).abs().max() < 0.2
    torch.testing.assert_close(found.bits_per_dim, -found.nats / 100 / torch.tensor(2.0).log())


class Correlated(GaussianDenoiser):
    """The posterior mean of numbers that hang together, whose slopes no sign leaves as they are."""

    def __init__(self, path, dims):
        super().__init__(path)
        mixed = torch.randn(dims, dims, generator=torch.Generator().manual_seed(0)).double()
        self.covariance = mixed @ mixed.T / dims + 0.1 * torch.eye(dims, dtype=torch.float64)

    def denoise(self, x, level, /, y=None):
        alpha, sigma = level.alpha.to(x), level.sigma.to(x)
        seen = alpha**2 * self.covariance + sigma**2 * torch.eye(len(self.covariance)).to(x)
        return alpha * torch.linalg.solve(seen, x.T).T @ self.covariance


def test_signs_at_random_find_the_divergence_on_average_and_tell_their_error(monkeypatch):
    """Hutchinson's estimate beside the sum of the slopes, of the same flow."""
    model = Correlated(Straight(), 65)
    normal = torch.distributions.MultivariateNormal(torch.zeros(65).double(), model.covariance)
    x = normal.sample((3,))
    found = ode_likelihood(model, x, steps=8, probes=24)
    monkeypatch.setattr("cartograd.generative.diffusion.ode_likelihood.EXACT", 65)
    exact = ode_likelihood(model, x, steps=8)
    assert exact.error is None
    assert found.error.min() > 0.1  # nothing is exact here
    assert ((found.nats - exact.nats).abs() < 4 * found.error).all()
    assert found.error.max() < 3


@pytest.mark.parametrize("path", PATHS)
def test_what_is_made_up_has_the_law_of_the_data(path):
    """Known and unknown numbers are independent here: the unknown ones are normal."""
    model = GaussianDenoiser(PATHS[path])
    x = torch.full((4000, 2), 0.3, dtype=torch.float64)
    known = torch.tensor([1.0, 0.0]).expand(4000, 2)
    made = repaint(model, x, known, torch.Generator().manual_seed(0), steps=250, again=2)
    assert torch.equal(made[:, 0], x[:, 0])
    assert made[:, 1].mean().item() == pytest.approx(MEAN, abs=0.03)
    assert made[:, 1].std().item() == pytest.approx(STD, rel=0.06)
