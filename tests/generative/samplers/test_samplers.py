from itertools import pairwise

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.core.generative import Level
from cartograd.generative.diffusion.denoiser import Conditioned, Denoiser, noisy
from cartograd.generative.diffusion.mlp import DenoisingMLP
from cartograd.generative.diffusion.paths import Growing, Straight, steps
from cartograd.generative.diffusion.reverse import mean_back
from cartograd.generative.samplers.ancestral import ancestral
from cartograd.generative.samplers.ddim import ddim
from cartograd.generative.samplers.dpm_solver_pp import dpm_solver_pp
from cartograd.generative.samplers.heun import heun
from cartograd.generative.samplers.midpoint import midpoint
from cartograd.generative.samplers.multistep_consistency import multistep_consistency
from cartograd.generative.samplers.plms import plms
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


def factors(sampler, path, count, **options):
    """What examples of normal data are made of: a mean, and so much of each standard normal number.

    Every step is affine, so as many rows as there are numbers tell them, without an error of draws.
    """
    rows = count + 8
    noise = torch.randn(rows, 1, generator=torch.Generator().manual_seed(3)).double()
    seed = torch.Generator().manual_seed
    found = sampler(GaussianDenoiser(path), noise, seed(0), steps=count, **options)
    generator = seed(0)
    drawn = [torch.randn(rows, 1, generator=generator).double() for _ in range(count)]
    known = torch.cat([torch.ones_like(noise), noise, *drawn], dim=1)
    solved = torch.linalg.lstsq(known, found, driver="gelsd").solution
    torch.testing.assert_close(known @ solved, found, rtol=0, atol=1e-12)
    return solved[0, 0].item(), solved[1:, 0]


@pytest.mark.law("ancestral")
@pytest.mark.parametrize("path", [CHAIN, Growing(), Straight()], ids=["ddpm", "edm", "flow"])
def test_the_variance_of_ancestral_sampling_follows_its_recursion(path):
    """Backwards by DDPM's formulas 6 and 7: the variance of each step's mean, and its noise."""
    count = 50
    levels = path.levels(count)
    variance = levels.sigma[0] ** 2
    for i in range(count):
        now, then = (Level(levels.alpha[j], levels.sigma[j], levels.time[j]) for j in (i, i + 1))
        gain = now.alpha * STD**2 / (now.alpha**2 * STD**2 + now.sigma**2)
        ratio = now.alpha / then.alpha
        between = now.sigma**2 - (ratio * then.sigma) ** 2
        slope = (ratio * then.sigma**2 + then.alpha * between * gain) / now.sigma**2
        variance = slope**2 * variance + between * then.sigma**2 / now.sigma**2
    mean, numbers = factors(ancestral, path, count)
    assert numbers.square().sum().item() == pytest.approx(variance.item(), abs=1e-12)
    assert mean == pytest.approx(MEAN, abs=0.01)


@pytest.mark.law("ancestral")
@pytest.mark.law("ddim")
@pytest.mark.parametrize("path", [CHAIN, Growing(), Straight()], ids=["ddpm", "edm", "flow"])
def test_with_all_noise_ddim_is_ancestral_sampling(path):
    """The whole way with the same noise; of the two formulas for a step one is DDPM's own."""
    drawn = [
        sampler(GaussianDenoiser(path), NOISE, torch.Generator().manual_seed(2), steps=30, **eta)
        for sampler, eta in ((ancestral, {}), (ddim, {"eta": 1.0}))
    ]
    torch.testing.assert_close(*drawn, rtol=1e-11, atol=1e-11)


@pytest.mark.law("plms")
@pytest.mark.parametrize("path", [CHAIN, Straight()], ids=["ddpm", "flow"])
def test_what_was_seen_on_the_way_is_worth_more_than_steps(path):
    for count in (20, 40, 80):
        assert error(plms, path, count) < error(ddim, path, count + 1) / 4


@pytest.mark.law("dpm-solver-pp")
def test_few_steps_are_worth_most_to_dpm_solver_then_ddim_then_ancestral_sampling():
    """The spread of examples, whose right one is 0.5; measured with diffusers' trailing schedulers:
    ancestral .333, .446, .473, DPM-Solver++ .406, .4995, .500. Ten steps are not as good as many.
    """
    spread = {
        sampler: [factors(sampler, CHAIN, n)[1].square().sum().sqrt().item() for n in (10, 50, 100)]
        for sampler in (ancestral, ddim, dpm_solver_pp)
    }
    assert spread[ancestral] == pytest.approx([0.333, 0.446, 0.473], abs=0.006)
    assert spread[dpm_solver_pp] == pytest.approx([0.406, 0.4995, 0.500], abs=0.002)
    for few in zip(*spread.values(), strict=True):
        wrong = [abs(one - STD) for one in few]
        assert wrong == sorted(wrong, reverse=True)


WAYS = {
    ddim: (CHAIN, 10), dpm_solver_pp: (CHAIN, 10), plms: (CHAIN, 11), ancestral: (CHAIN, 10),
    heun: (Growing(), 19), midpoint: (Straight(), 20), multistep_consistency: (Growing(), 10),
}  # fmt: skip
"""Of each sampler a path that it goes along, and the calls that it tells of ten steps."""


@pytest.mark.law("heun")
@pytest.mark.law("multistep-consistency")
@pytest.mark.parametrize("sampler", WAYS, ids=lambda one: one.__name__)
def test_the_calls_of_the_network_are_those_that_are_told(sampler):
    """Also of a network under guidance, which is asked once for both of its answers."""
    path, calls = WAYS[sampler]
    net, rows = DenoisingMLP(1, width=4, classes=2).double(), []
    model = Denoiser(net, path, predicts="example", classes=2, steps=1)
    net.register_forward_hook(lambda _, given, answer: rows.append(len(given[0])))
    y = torch.zeros(len(NOISE), dtype=torch.long)
    for weight, each in ((1.0, 9), (0.0, 9), (3.0, 18)):
        rows.clear()
        guided = Conditioned(model, y, guidance=weight)
        with torch.no_grad():
            sampler(guided, NOISE, torch.Generator(), steps=10)
        assert rows == [each] * calls


def test_without_noise_on_the_way_nothing_is_drawn():
    for sampler, path in ((ddim, CHAIN), (dpm_solver_pp, CHAIN), (plms, CHAIN), (heun, Growing()),
                          (midpoint, Straight())):  # fmt: skip
        generator = torch.Generator().manual_seed(5)
        before = generator.get_state()
        one = sampler(GaussianDenoiser(path), NOISE, generator, steps=5)
        assert torch.equal(generator.get_state(), before)
        assert torch.equal(one, sampler(GaussianDenoiser(path), NOISE, generator, steps=5))


@pytest.mark.parametrize("sampler", [ancestral, multistep_consistency])
def test_seeds_differ_where_noise_is_drawn(sampler):
    draw = lambda seed: sampler(  # noqa: E731
        GaussianDenoiser(WAYS[sampler][0]), NOISE, torch.Generator().manual_seed(seed), steps=5
    )
    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))


def test_what_a_path_has_not_is_refused():
    model = GaussianDenoiser(CHAIN)
    with pytest.raises(UsageError, match=r"steps=1001 is out of range; the chain .* has 1000"):
        ddim(model, NOISE, torch.Generator(), steps=1001)
    with pytest.raises(UsageError, match="midpoint goes along straight paths"):
        midpoint(model, NOISE, torch.Generator(), steps=10)


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


@pytest.mark.law("ddpm")
@pytest.mark.parametrize("t", [1, 10, 30])
def test_noise_that_came_step_by_step_is_that_of_the_closed_step(t):
    """Mean and variance of 100,000 examples, to four standard errors."""
    chain, x = steps("cosine", 30), torch.full((100_000,), 0.8, dtype=torch.float64)
    for one in range(1, t + 1):
        beta = 1 - chain.kept[one] / chain.kept[one - 1]
        x = (1 - beta).sqrt() * x + beta.sqrt() * torch.randn_like(x)
    level = chain.at(torch.tensor(t))
    error = level.sigma.item() / len(x) ** 0.5
    assert x.mean().item() == pytest.approx(0.8 * level.alpha.item(), abs=4 * error)
    assert x.std().item() == pytest.approx(level.sigma.item(), abs=3 * error)


@pytest.mark.law("ddpm")
@pytest.mark.parametrize("t", [1, 2, 1000])
def test_tables_are_exact_at_the_ends_of_the_chain(t):
    """The mean of formula 7 is that of algorithm 2; with tables in single precision they differ in
    the fourth digit at the first steps."""
    now, then = CHAIN.at(torch.tensor(t)), CHAIN.at(torch.tensor(t - 1))
    x_t, noise = torch.randn(2, 50, dtype=torch.float64)
    x = (x_t - now.sigma * noise) / now.alpha
    beta = 1e-4 + (0.02 - 1e-4) * (t - 1) / 999
    right = (x_t - beta / now.sigma * noise) / (1 - beta) ** 0.5
    torch.testing.assert_close(mean_back(x_t, x, now, then), right, rtol=1e-11, atol=1e-11)
