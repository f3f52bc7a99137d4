import math

import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.generative import Level
from cartograd.generative.diffusion.denoising import Denoising
from cartograd.generative.diffusion.paths import Growing, Straight, steps
from cartograd.generative.diffusion.reverse import log_variances, mean_back, noise_between
from cartograd.generative.diffusion.variational_bound import (
    Bins,
    divergence,
    level_log_prob,
    variational_bound,
)
from cartograd.generative.samplers.ancestral import ancestral
from tests.generative.samplers.gaussian import MEAN, STD, GaussianDenoiser

PATHS = {"ddpm": steps("linear", 100), "edm": Growing(), "flow": Straight()}


class Sure(GaussianDenoiser):
    """Of data that are normal, with the variance that a step back really has."""

    def reverse(self, x, now, then, /, y=None):
        behind = now.sigma**2 * STD**2 / (now.alpha**2 * STD**2 + now.sigma**2)
        gain = then.alpha * noise_between(now, then) / now.sigma**2
        least = log_variances(now, then)[0].exp() * (then.sigma > 0)
        return self.denoise(x, now), (least + gain**2 * behind).log()


def bounds(path, kind):
    x = torch.tensor([[0.0], [MEAN], [1.9]]).double().repeat_interleave(2000, 0)
    nats = variational_bound(kind(path), x, steps=50).nats.reshape(3, -1)
    right = torch.distributions.Normal(MEAN, STD).log_prob(x[::2000])[:, 0]
    return nats.mean(1), 4 * nats.std(1) / math.sqrt(2000), right


@pytest.mark.place("diffusion/ddpm")
@pytest.mark.law("ddpm")
@pytest.mark.parametrize("path", PATHS)
def test_of_normal_data_the_bound_is_the_density(path):
    """With the variances that the steps have; with the least ones it is below."""
    found, error, right = bounds(PATHS[path], Sure)
    assert ((found - right).abs() < error + 0.01).all()
    assert error.max() < 0.2
    below, error, right = bounds(PATHS[path], GaussianDenoiser)
    assert (below < right - error).all()


@pytest.mark.law("ddpm")
def test_the_noise_at_the_end_costs_next_to_nothing():
    """2.9e-5 bits of a number of size 1, on DDPM's own chain."""
    path = steps("linear", 1000)

    class Right:
        def levels(self, count):
            return path.levels(count)

        def reverse(self, x, now, then, /):
            return self.x, log_variances(now, then)[0]

    model = Right()
    model.x = torch.ones(4, 3).double()
    bins = Bins(*torch.tensor([-1.0, 1.0, 2.0]).double())
    found = variational_bound(model, model.x, bins=bins)
    assert found.bits_per_dim.mean().item() == pytest.approx(2.9e-5, rel=0.02)


@pytest.mark.law("ddpm")
@pytest.mark.parametrize("mean", [-3.0, -0.4, 0.9, 40.0])
def test_the_levels_sum_to_one(mean):
    bins = Bins(*torch.tensor([-1, 1, 2 / 255], dtype=torch.float64))
    x = torch.linspace(-1, 1, 256, dtype=torch.float64)[:, None]
    logs = level_log_prob(x, torch.full_like(x, mean), torch.tensor(0.02), bins)
    assert logs.isfinite().all()
    assert logs.exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_the_divergence_is_torchs():
    right, mean = torch.randn(2, 5, 3).double()
    one, other = torch.tensor(0.3).double(), torch.randn(5, 3).double().exp()
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(right, one), normal(mean, other))
    found = divergence(right, mean, 2 * one.log(), 2 * other.log())
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


class Twice(nn.Module):
    """A network that answers with zeros, and with a number of its own for the variance."""

    def __init__(self):
        super().__init__()
        self.between = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, x, time):
        return torch.cat([0 * x, self.between.expand_as(x)], 1)


@pytest.mark.law("denoising")
def test_a_variance_is_learned_between_the_two_and_teaches_no_guess():
    model = build("ddpm:variance=learned,chain=50", features=1).double()
    model.denoiser.net = net = Twice()
    all_levels = model.denoiser.levels(50)
    level, then = (
        Level(all_levels.alpha[i], all_levels.sigma[i], all_levels.time[i]) for i in (30, 31)
    )
    least, most = log_variances(level, then)
    x = torch.randn(4, 1).double()
    for value, right in ((-1.0, least), (0.0, (least + most) / 2), (1.0, most)):
        net.between.data.fill_(value)
        assert torch.allclose(model.denoiser.reverse(x, level, then)[1], right)
    noise = torch.randn(4000, 1).double()
    plain, whole = (
        next(Denoising(model=model, vlb_weight=w).losses((noise, noise))).value for w in (0.0, 0.1)
    )
    assert (whole >= plain).all()
    (whole - plain).sum().backward()
    assert net.between.grad.item() != 0


def test_ancestral_sampling_draws_with_the_variance_that_was_learned():
    noise = torch.randn(20_000, 1, generator=torch.Generator().manual_seed(0)).double()
    few = {kind: ancestral(kind(PATHS["ddpm"]), noise, torch.Generator().manual_seed(1), steps=5)
           for kind in (Sure, GaussianDenoiser)}  # fmt: skip
    last = vars(PATHS["ddpm"].levels(5))
    alpha, sigma = last["alpha"][-2].item(), last["sigma"][-2].item()
    right = STD**2 * alpha / math.hypot(alpha * STD, sigma)  # the last step draws nothing
    assert few[Sure].std().item() == pytest.approx(right, rel=0.02)
    assert few[GaussianDenoiser].std().item() < 0.9 * right


def test_a_step_with_the_example_itself_is_the_posterior():
    path = PATHS["ddpm"]
    now, then = path.at(torch.tensor(40)), path.at(torch.tensor(39))
    x, x_t = torch.randn(2, 5, 1).double()
    kept, before = path.kept[40], path.kept[39]
    beta = 1 - kept / before
    expected = before.sqrt() * beta / (1 - kept) * x
    expected = expected + (1 - beta).sqrt() * (1 - before) / (1 - kept) * x_t
    torch.testing.assert_close(mean_back(x_t, x, now, then), expected)
    assert log_variances(now, then)[0].exp().item() == pytest.approx(
        ((1 - before) / (1 - kept) * beta).item()
    )


def test_an_unknown_variance_is_refused():
    with pytest.raises(UsageError, match="unknown variance 'large'"):
        build("ddpm:variance=large", features=2)
