"""The samplers beside diffusers' schedulers, step by step, with one network for both."""

import pytest
import torch
from torch import nn

from cartograd.generative.diffusion.denoiser import Conditioned, Denoiser, consistent
from cartograd.generative.diffusion.inversion import invert
from cartograd.generative.diffusion.paths import Growing, Straight, steps
from cartograd.generative.samplers.ancestral import ancestral
from cartograd.generative.samplers.ddim import ddim
from cartograd.generative.samplers.dpm_solver_pp import dpm_solver_pp
from cartograd.generative.samplers.heun import heun
from cartograd.generative.samplers.plms import plms

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

CHAIN = steps("linear", 1000)
KNOWN = {"beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}
COUNT = 20
START = torch.randn(4, 1, 3, 3, generator=torch.Generator().manual_seed(0))


class Sine(nn.Module):
    """A network for us and for diffusers."""

    def forward(self, x, time):
        return 0.3 * torch.sin(x) + 0.1 * x * (time.reshape(-1, 1, 1, 1) / 1000)


NET = Sine()


def denoiser(path, predicts="noise", *, limit=None):
    """Ours of this network."""
    return Denoiser(NET, path, predicts=predicts, classes=None, steps=COUNT, limit=limit)


@pytest.fixture(scope="module")
def schedulers():
    return pytest.importorskip("diffusers.schedulers")


def walked(scheduler, x, *, asked=None, **options):
    """Along a scheduler of theirs; `asked` says what its network is given."""
    for t in scheduler.timesteps:
        given, time = (x, t) if asked is None else asked(x, t)
        x = scheduler.step(NET(given, time), t, x, **options).prev_sample
    return x


def seeded():
    return torch.Generator().manual_seed(3)


def begun(path):
    """Noise for ours where diffusers begins with noise of size 1."""
    return START / path.levels(COUNT).sigma[0].float()


@pytest.mark.oracle("ddim")
@pytest.mark.oracle("ancestral")
@pytest.mark.parametrize("eta", [0.0, 0.6, 1.0])
def test_ddim_is_that_of_diffusers(schedulers, eta):
    theirs = schedulers.DDIMScheduler(
        **KNOWN, clip_sample=False, set_alpha_to_one=True, timestep_spacing="trailing"
    )
    assert torch.allclose(CHAIN.kept[1:].float(), theirs.alphas_cumprod, atol=1e-6)
    theirs.set_timesteps(COUNT)
    right = walked(theirs, START, eta=eta, generator=seeded())
    found = ddim(denoiser(CHAIN), begun(CHAIN), seeded(), steps=COUNT, eta=eta)
    torch.testing.assert_close(found, right, rtol=1e-5, atol=1e-5)


@pytest.mark.oracle("ddim")
def test_after_a_guess_is_kept_in_bounds_the_noise_is_what_it_leaves(schedulers):
    """As diffusers has it with `use_clipped_model_output`, which is not its default."""
    theirs = schedulers.DDIMScheduler(
        **KNOWN, clip_sample=True, set_alpha_to_one=True, timestep_spacing="trailing"
    )
    theirs.set_timesteps(COUNT)
    right = walked(theirs, 3 * START, use_clipped_model_output=True)
    bounded = Conditioned(denoiser(CHAIN, limit=1.0), None)
    found = ddim(bounded, 3 * begun(CHAIN), seeded(), steps=COUNT)
    torch.testing.assert_close(found, right, rtol=1e-5, atol=1e-5)
    free = ddim(denoiser(CHAIN), 3 * begun(CHAIN), seeded(), steps=COUNT)
    assert (free - found).abs().max() > 0.1  # the bounds were met


@pytest.mark.oracle("ancestral")
def test_ancestral_sampling_is_that_of_diffusers(schedulers):
    theirs = schedulers.DDPMScheduler(
        **KNOWN, clip_sample=False, variance_type="fixed_small", timestep_spacing="trailing"
    )
    theirs.set_timesteps(COUNT)
    right = walked(theirs, START, generator=seeded())
    found = ancestral(denoiser(CHAIN), begun(CHAIN), seeded(), steps=COUNT)
    torch.testing.assert_close(found, right, rtol=1e-5, atol=1e-5)


@pytest.mark.oracle("dpm-solver-pp")
def test_dpm_solver_is_that_of_diffusers(schedulers):
    theirs = schedulers.DPMSolverMultistepScheduler(
        **KNOWN, algorithm_type="dpmsolver++", solver_order=2, lower_order_final=False,
        euler_at_final=True, final_sigmas_type="zero", timestep_spacing="trailing",
    )  # fmt: skip
    theirs.set_timesteps(COUNT)
    right = walked(theirs, START)
    found = dpm_solver_pp(denoiser(CHAIN), begun(CHAIN), seeded(), steps=COUNT)
    torch.testing.assert_close(found, right, rtol=1e-5, atol=1e-5)


@pytest.mark.oracle("plms")
def test_plms_is_that_of_diffusers(schedulers):
    theirs = schedulers.PNDMScheduler(
        **KNOWN, skip_prk_steps=True, set_alpha_to_one=True, timestep_spacing="trailing"
    )
    theirs.set_timesteps(COUNT)
    right = walked(theirs, START)
    found = plms(denoiser(CHAIN), begun(CHAIN), seeded(), steps=COUNT)
    torch.testing.assert_close(found, right, rtol=1e-5, atol=1e-5)


@pytest.mark.oracle("heun")
def test_heuns_method_is_that_of_diffusers(schedulers):
    """Its examples are those of ours without alpha."""
    theirs = schedulers.HeunDiscreteScheduler(**KNOWN, timestep_spacing="trailing")
    theirs.set_timesteps(COUNT)
    first = CHAIN.levels(COUNT)
    u = begun(CHAIN) * (first.sigma[0] / first.alpha[0]).float()
    right = walked(theirs, u, asked=lambda x, t: (theirs.scale_model_input(x, t), t))
    found = heun(denoiser(CHAIN), begun(CHAIN), seeded(), steps=COUNT)
    torch.testing.assert_close(found, right, rtol=1e-4, atol=1e-4)


@pytest.mark.oracle("edm")
@pytest.mark.parametrize(
    ("name", "sampler"),
    [("EDMEulerScheduler", ddim), ("EDMDPMSolverMultistepScheduler", dpm_solver_pp)],
)
def test_on_growing_noise_the_steps_are_those_of_diffusers(schedulers, name, sampler):
    """Levels, the mixing of network and input, and the steps."""
    options = {} if sampler is ddim else {"euler_at_final": True}
    theirs = getattr(schedulers, name)(sigma_min=0.002, sigma_max=80.0, rho=7.0, **options)
    theirs.set_timesteps(COUNT)
    levels = Growing().levels(COUNT)
    torch.testing.assert_close(theirs.sigmas, levels.sigma.float(), rtol=1e-5, atol=1e-6)

    def asked(x, t):  # they tell ln(sigma)/4, we a thousand times as much
        return theirs.scale_model_input(x, t), 1000 * t

    right = walked(theirs, 80 * START, asked=asked)
    found = sampler(denoiser(Growing(), "edm"), START, seeded(), steps=COUNT)
    torch.testing.assert_close(found, right, rtol=1e-5, atol=1e-5)


@pytest.mark.oracle("flow-matching")
def test_on_straight_paths_the_steps_are_those_of_diffusers(schedulers):
    theirs = schedulers.FlowMatchEulerDiscreteScheduler()
    theirs.set_timesteps(sigmas=[1 - i / COUNT for i in range(COUNT)])
    right = walked(theirs, START)
    found = ddim(denoiser(Straight(), "velocity"), START, seeded(), steps=COUNT)
    torch.testing.assert_close(found, right, rtol=1e-5, atol=1e-5)


@pytest.mark.oracle("consistency")
def test_the_shares_of_a_consistency_model_are_those_of_diffusers(schedulers):
    theirs = schedulers.CMStochasticIterativeScheduler(
        sigma_min=0.002, sigma_max=80.0, sigma_data=0.5
    )
    sigma = torch.tensor([0.002, 0.1, 3.0, 80.0], dtype=torch.float64)
    right = theirs.get_scalings_for_boundary_condition(sigma)
    torch.testing.assert_close(consistent(sigma, 0.5), right, rtol=1e-12, atol=1e-12)


class Guessing(nn.Module):
    """The noise in normal examples, and a little that is wrong: like a trained network."""

    def forward(self, x, time):
        kept = CHAIN.kept[time.reshape(-1).long() + 1].to(x).reshape(-1, 1, 1, 1)
        return (1 - kept).sqrt() * x / (0.25 * kept + 1 - kept) + 0.05 * torch.sin(3 * x)


@pytest.mark.oracle("ddim")
def test_inversion_leads_back_more_exactly_than_that_of_diffusers(schedulers):
    """Theirs takes the noise predicted at the cleaner example, ours looks for the noisier one."""
    theirs = schedulers.DDIMInverseScheduler(
        **KNOWN, clip_sample=False, set_alpha_to_one=True, timestep_spacing="trailing"
    )
    theirs.set_timesteps(COUNT)
    net, noise = Guessing(), begun(CHAIN)
    ours = Denoiser(net, CHAIN, predicts="noise", classes=None, steps=COUNT)
    made = back = ddim(ours, noise, seeded(), steps=COUNT)
    for t in theirs.timesteps:
        back = theirs.step(net(back, t), t, back).prev_sample
    roughly = (back / CHAIN.levels(COUNT).sigma[0].float() - noise).abs().max()
    found = (invert(ours, made, steps=COUNT) - noise).abs().max()
    assert roughly < 1  # the same way
    assert found < 0.05 * roughly
