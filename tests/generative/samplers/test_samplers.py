from itertools import pairwise

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.generative.diffusion.denoiser import noisy
from cartograd.generative.diffusion.paths import Growing, Straight, steps
from cartograd.generative.samplers.ancestral import ancestral
from cartograd.generative.samplers.ddim import ddim
from cartograd.generative.samplers.dpm_solver_pp import dpm_solver_pp
from cartograd.generative.samplers.heun import heun
from cartograd.generative.samplers.midpoint import midpoint
from tests.generative.samplers.gaussian import MEAN, STD, GaussianDenoiser

NOISE = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
CHAIN = steps("linear", 1000)


def error(sampler, path, count):
    """The largest distance from the exact flow."""
    model = GaussianDenoiser(path)
    found = sampler(model, NOISE, torch.Generator().manual_seed(0), steps=count)
    return (found - model.exact(NOISE)).abs().max().item()


@pytest.mark.place("diffusion/ddim")
@pytest.mark.law("ddim")
@pytest.mark.parametrize(
    ("path", "counts"),
    [(Growing(), (20, 40, 80)), (Straight(), (20, 40, 80)), (CHAIN, (50, 100, 250))],
    ids=["edm", "flow", "ddpm"],
)
def test_the_error_halves_as_the_steps_double(path, counts):
    errors = [error(ddim, path, count) for count in counts]
    for (few, more), (most, less) in pairwise(zip(counts, errors, strict=True)):
        assert 0.9 < (more / less) / (most / few) < 1.12


@pytest.mark.law("heun")
@pytest.mark.law("dpm-solver-pp")
@pytest.mark.law("midpoint")
@pytest.mark.parametrize(
    ("sampler", "path"),
    [(heun, Growing()), (dpm_solver_pp, Growing()), (midpoint, Straight())],
    ids=["heun", "dpm-solver-pp", "midpoint"],
)
def test_the_error_falls_to_a_quarter_as_the_steps_double(sampler, path):
    errors = [error(sampler, path, count) for count in (20, 40, 80, 160)]
    assert all(few / many > 3.5 for few, many in pairwise(errors))
    assert errors[-1] < 1e-3


@pytest.mark.law("ddim")
def test_at_few_steps_the_better_sampler_is_nearer():
    for count in (10, 20, 50):
        assert error(dpm_solver_pp, CHAIN, count) < error(ddim, CHAIN, count)


@pytest.mark.law("ddim")
@pytest.mark.law("ancestral")
def test_all_noise_is_the_posterior_of_the_chain():
    """One step of eta 1 has the mean and the variance of DDPM's formulas 6 and 7."""
    t = 400
    now, then = CHAIN.at(torch.tensor(t)), CHAIN.at(torch.tensor(t - 1))
    kept, before = CHAIN.kept[t], CHAIN.kept[t - 1]
    beta = 1 - kept / before
    x, guess = torch.randn(5, 1).double(), torch.randn(5, 1).double()
    mean = before.sqrt() * beta / (1 - kept) * guess
    mean = mean + (1 - beta).sqrt() * (1 - before) / (1 - kept) * x
    variance = (1 - before) / (1 - kept) * beta

    class Two:
        def levels(self, steps):
            stack = lambda name: torch.stack([getattr(now, name), getattr(then, name)])  # noqa: E731
            return type(now)(stack("alpha"), stack("sigma"), stack("time"))

        def denoise(self, x, level, /):
            return guess

    start = x / now.sigma
    drawn = torch.randn(5, 1, generator=torch.Generator().manual_seed(3)).double()
    found = ddim(Two(), start, torch.Generator().manual_seed(3), steps=1, eta=1.0)
    torch.testing.assert_close(found, mean + variance.sqrt() * drawn, rtol=1e-12, atol=1e-12)


@pytest.mark.law("ancestral")
def test_the_variance_of_ancestral_sampling_follows_its_recursion():
    """Every step is affine: the variance of many draws is that of the recursion."""
    count = 50
    model = GaussianDenoiser(CHAIN)
    levels = CHAIN.levels(count)
    variance = levels.sigma[0] ** 2
    for i in range(count):
        a, s = levels.alpha[i], levels.sigma[i]
        b, r = levels.alpha[i + 1], levels.sigma[i + 1]
        gain = a * STD**2 / (a**2 * STD**2 + s**2)
        tau = r / s * (1 - (a / b) ** 2).sqrt()
        left = (r**2 - tau**2).clamp_min(0).sqrt()
        slope = b * gain + left * (1 - a * gain) / s
        variance = slope**2 * variance + tau**2
    noise = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(0)).double()
    drawn = ancestral(model, noise, torch.Generator().manual_seed(1), steps=count)
    assert drawn.var().item() == pytest.approx(variance.item(), rel=0.01)
    assert drawn.mean().item() == pytest.approx(MEAN, abs=0.01)
    assert model.calls == count


@pytest.mark.law("heun")
def test_the_calls_of_the_network_are_those_that_are_told():
    for sampler, path, calls in ((ddim, CHAIN, 10), (dpm_solver_pp, CHAIN, 10),
                                 (heun, Growing(), 19), (midpoint, Straight(), 20)):  # fmt: skip
        model = GaussianDenoiser(path)
        sampler(model, NOISE, torch.Generator(), steps=10)
        assert model.calls == calls


def test_without_noise_on_the_way_nothing_is_drawn():
    for sampler, path in ((ddim, CHAIN), (dpm_solver_pp, CHAIN), (heun, Growing()),
                          (midpoint, Straight())):  # fmt: skip
        generator = torch.Generator().manual_seed(5)
        before = generator.get_state()
        one = sampler(GaussianDenoiser(path), NOISE, generator, steps=5)
        assert torch.equal(generator.get_state(), before)
        assert torch.equal(one, sampler(GaussianDenoiser(path), NOISE, generator, steps=5))


def test_seeds_differ_where_noise_is_drawn():
    draw = lambda seed: ancestral(  # noqa: E731
        GaussianDenoiser(CHAIN), NOISE, torch.Generator().manual_seed(seed), steps=5
    )
    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))


def test_what_a_path_has_not_is_refused():
    model = GaussianDenoiser(CHAIN)
    with pytest.raises(UsageError, match=r"steps=1001 is out of range; the chain .* has 1000"):
        ddim(model, NOISE, torch.Generator(), steps=1001)
    with pytest.raises(UsageError, match="midpoint goes along straight paths"):
        midpoint(model, NOISE, torch.Generator(), steps=10)


class Network:
    """A stand-in for a network, for us and for diffusers: what it says of the noise in `x`."""

    @staticmethod
    def noise(x, time):
        return 0.3 * torch.sin(x) + 0.1 * x * (time / 1000)


class Sine(GaussianDenoiser):
    """Its denoiser."""

    def denoise(self, x, level, /, y=None):
        noise = Network.noise(x, level.time.to(x))
        return (x - level.sigma.to(x) * noise) / level.alpha.to(x)


@pytest.mark.oracle("ddim")
@pytest.mark.oracle("dpm-solver-pp")
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_the_samplers_are_those_of_diffusers():
    schedulers = pytest.importorskip("diffusers.schedulers")
    known = {"beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}
    ours = schedulers.DDIMScheduler(
        **known, clip_sample=False, set_alpha_to_one=True, timestep_spacing="trailing"
    )
    assert torch.allclose(CHAIN.kept[1:].float(), ours.alphas_cumprod, atol=1e-6)
    x0 = torch.randn(4, 1, 3, 3, generator=torch.Generator().manual_seed(0))

    ours.set_timesteps(20)
    x = x0.clone()
    for t in ours.timesteps:
        x = ours.step(Network.noise(x, t), t, x, eta=0.0).prev_sample
    start = x0 / CHAIN.levels(20).sigma[0].float()  # diffusers begins with noise of std 1
    found = ddim(Sine(CHAIN), start, torch.Generator(), steps=20)
    torch.testing.assert_close(found, x, rtol=1e-5, atol=1e-5)

    theirs = schedulers.DPMSolverMultistepScheduler(
        **known, algorithm_type="dpmsolver++", solver_order=2, lower_order_final=False,
        euler_at_final=True, final_sigmas_type="zero", timestep_spacing="trailing",
    )  # fmt: skip
    theirs.set_timesteps(20)
    x = x0.clone()
    for t in theirs.timesteps:
        x = theirs.step(Network.noise(x, t), t, x).prev_sample
    found = dpm_solver_pp(Sine(CHAIN), start, torch.Generator(), steps=20)
    torch.testing.assert_close(found, x, rtol=1e-4, atol=1e-4)


@pytest.mark.place("diffusion/ddpm")
@pytest.mark.law("ddpm")
def test_a_closed_step_is_that_of_all_steps_before_it():
    """Mean and variance of x_t by the chain, one step after another."""
    chain = steps("cosine", 30)
    mean, variance = torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    for t in range(1, 31):
        beta = 1 - chain.kept[t] / chain.kept[t - 1]
        mean, variance = mean * (1 - beta).sqrt(), variance * (1 - beta) + beta
        level = chain.at(torch.tensor(t))
        assert abs(level.alpha - mean) < 1e-12
        assert abs(level.sigma**2 - variance) < 1e-12
    x, noise = torch.ones(2, 3).double(), torch.full((2, 3), 2.0).double()
    torch.testing.assert_close(noisy(x, noise, level), mean * x + variance.sqrt() * noise)
