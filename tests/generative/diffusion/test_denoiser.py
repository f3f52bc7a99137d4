from dataclasses import dataclass

import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.generative import Level
from cartograd.engine.loop.fit import fit
from cartograd.generative.diffusion.denoiser import PREDICTS, Conditioned, Denoiser, noisy
from cartograd.generative.diffusion.denoising import Denoising
from cartograd.generative.diffusion.edm import EDM
from cartograd.generative.diffusion.flow_matching import FlowMatching
from cartograd.generative.diffusion.paths import Growing, Straight, steps
from cartograd.generative.diffusion.told import waves
from cartograd.generative.samplers.ddim import ddim

PATHS = {"noise": steps("linear", 100), "example": steps("cosine", 100),
         "v": steps("cosine", 100), "velocity": Straight(), "edm": Growing(),
         "consistency": Growing()}  # fmt: skip


class Answer(nn.Module):
    """A network that says what it was given."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, x, time, y=None):
        return self.answer


def levels(path, count=40):
    return path.drawn((torch.arange(count, dtype=torch.float64) + 0.5) / count)


@pytest.mark.law("ddpm")
@pytest.mark.parametrize("predicts", PREDICTS)
def test_the_right_answer_gives_the_example_back(predicts):
    generator = torch.Generator().manual_seed(0)
    x, noise = (torch.randn(40, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    level = levels(PATHS[predicts])
    denoiser = Denoiser(nn.Identity(), PATHS[predicts], predicts=predicts, classes=None, steps=1)
    a, b = denoiser.mixture(level)
    denoiser.net = Answer(a[:, None] * x + b[:, None] * noise)
    found = denoiser.denoise(noisy(x, noise, level), level)
    torch.testing.assert_close(found, x, rtol=1e-10, atol=1e-10)


def parts(level):
    """What each number of a level stands for."""
    return level.alpha, level.sigma, level.time


@dataclass(frozen=True)
class One:
    """A path that is learned at one level alone."""

    level: Level

    def drawn(self, u):
        return Level(*(one.expand(len(u)) for one in parts(self.level)))


@pytest.mark.law("edm")
@pytest.mark.parametrize("sigma", [0.002, 0.1, 1.0, 10.0, 80.0])
def test_a_network_of_zeros_has_loss_one_at_every_level(sigma):
    """As the objective has it, and as the paper does: the error of D by its weight."""
    model = EDM(features=1).double()
    noise, x = torch.randn(2, 200_000, 1, dtype=torch.float64)
    x = 0.5 * x
    level = Growing().at(torch.tensor(sigma, dtype=torch.float64))
    model.denoiser.path, model.denoiser.net = One(level), Answer(torch.zeros_like(x))
    loss = Denoising(model=model).validate((noise, x))["loss"]
    assert loss.mean().item() == pytest.approx(1, abs=0.01)
    wrong = model.denoiser.denoise(x + sigma * noise, level) - x
    weight = (sigma**2 + 0.5**2) / (sigma * 0.5) ** 2
    torch.testing.assert_close(weight * wrong.square().mean(1), loss, rtol=1e-7, atol=1e-9)


@pytest.mark.law("edm")
@pytest.mark.law("ddpm")
@pytest.mark.law("flow-matching")
def test_levels_to_learn_at_have_the_distributions_of_the_papers():
    u = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000
    size = Growing().drawn(u).sigma.log()
    assert size.mean().item() == pytest.approx(-1.2, abs=1e-6)
    assert size.std().item() == pytest.approx(1.2, abs=1e-3)
    assert torch.equal(Straight().drawn(u).sigma, u)
    number = steps("linear", 1000).drawn(u).time
    assert torch.equal(number.long().bincount(), torch.full((1000,), 100))
    for path in PATHS.values():
        assert all(one.dtype == torch.float64 for one in parts(path.drawn(u)))
        assert all(one.dtype == torch.float64 for one in parts(path.levels(7)))


@pytest.mark.law("flow-matching")
def test_on_straight_paths_ddim_is_the_method_of_euler():
    torch.manual_seed(0)
    model = FlowMatching(features=2, width=8).denoiser.double()
    noise = torch.randn(5, 2, dtype=torch.float64)
    x, path = noise.clone(), Straight()
    for i in range(10):
        t = torch.tensor(1 - i / 10, dtype=torch.float64)
        x = x - 0.1 * model.predicted(x, path.at(t))
    torch.testing.assert_close(
        ddim(model, noise, torch.Generator(), steps=10), x, rtol=1e-12, atol=1e-12
    )


@pytest.mark.place("diffusion/guidance")
@pytest.mark.law("denoising")
def test_guidance_of_one_is_the_class_and_of_nought_is_none():
    torch.manual_seed(0)
    model = build("ddpm", features=3, classes=4, width=8).denoiser.double()
    x, y = torch.randn(6, 3, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 0, 1])
    level = Level(*(one[500] for one in (model.levels(1000).alpha, model.levels(1000).sigma,
                                         model.levels(1000).time)))  # fmt: skip
    told, free = model.denoise(x, level, y), model.denoise(x, level)
    assert torch.equal(Conditioned(model, y).denoise(x, level), told)
    assert torch.equal(Conditioned(model, y, guidance=0.0).denoise(x, level), free)
    three = Conditioned(model, y, guidance=3.0).denoise(x, level)
    torch.testing.assert_close(three, free + 3 * (told - free), rtol=1e-10, atol=1e-10)
    assert not torch.allclose(told, free)


@pytest.mark.law("denoising")
@pytest.mark.parametrize("name", ["ddpm:predicts=v", "edm", "flow-matching"])
def test_guidance_of_one_and_of_nought_change_no_bit_of_an_example(name):
    torch.manual_seed(0)
    model = build(name, features=3, classes=4, width=8).denoiser.double()
    noise, y = torch.randn(6, 3, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 0, 1])
    drawn = {w: ddim(Conditioned(model, y, guidance=w), noise, torch.Generator(), steps=5)
             for w in (0.0, 1.0, 3.0)}  # fmt: skip
    assert torch.equal(drawn[1.0], ddim(Conditioned(model, y), noise, torch.Generator(), steps=5))
    free = ddim(Conditioned(model, None), noise, torch.Generator(), steps=5)
    assert torch.equal(drawn[0.0], free)
    assert torch.equal(drawn[0.0], ddim(model, noise, torch.Generator(), steps=5))
    assert (drawn[3.0] - drawn[1.0]).abs().max() > 1e-4


@pytest.mark.oracle("ddpm")
def test_a_chain_to_noise_alone_is_that_of_diffusers():
    """Alphas to 1e-6, and DDIM along them from a level where nothing of the example is left."""
    schedulers = pytest.importorskip("diffusers.schedulers")
    known = {"beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}
    theirs = schedulers.DDIMScheduler(
        **known, rescale_betas_zero_snr=True, clip_sample=False, prediction_type="v_prediction",
        timestep_spacing="trailing", set_alpha_to_one=True,
    )  # fmt: skip
    model = build("ddpm", features=3, width=4, predicts="v", zero_terminal_snr=True)
    kept = model.denoiser.path.kept
    torch.testing.assert_close(kept[1:].float(), theirs.alphas_cumprod, rtol=0, atol=1e-6)
    assert kept[-1] == 0
    assert kept[1] == steps("linear", 1000).kept[1]
    draw = torch.Generator().manual_seed(0)
    x = begun = torch.randn(4, 3, generator=draw)
    theirs.set_timesteps(10)
    with torch.no_grad():
        for t in theirs.timesteps:
            said = model.denoiser.net(x, t.expand(4).float())
            x = theirs.step(said, t, x).prev_sample
        torch.testing.assert_close(
            ddim(model.denoiser, begun, draw, steps=10), x, atol=1e-4, rtol=0
        )


@pytest.mark.law("ddpm")
@pytest.mark.parametrize("sampler", ["ddim", "ancestral", "heun", "dpm-solver-pp"])
def test_every_sampler_begins_where_nothing_is_left(sampler):
    model = build("zero-snr", features=3, width=4).denoiser
    noise = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        drawn = build(sampler, steps=5)(model, noise, torch.Generator().manual_seed(0))
    assert drawn.isfinite().all()
    assert drawn.std() > 0.1


@pytest.mark.oracle("ddpm")
@pytest.mark.parametrize("width", [16, 17])
def test_what_a_network_is_told_of_time_is_that_of_diffusers(width):
    embeddings = pytest.importorskip("diffusers.models.embeddings")
    time = torch.tensor([0.0, 1.0, 17.0, 999.0])
    theirs = embeddings.get_timestep_embedding(
        time, width, flip_sin_to_cos=True, downscale_freq_shift=0
    )
    torch.testing.assert_close(waves(time, width), theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.place("diffusion/ddpm")
def test_a_trained_flow_draws_like_its_data_and_an_untrained_one_does_not():
    """Eight normal clouds on a circle: nearly all examples are near one, and every cloud is hit."""
    generator = torch.Generator().manual_seed(0)
    angle = torch.arange(8) * torch.pi / 4
    clouds = 1.6 * torch.stack([angle.cos(), angle.sin()], dim=1)
    batches = []
    for _ in range(250):
        which = torch.randint(8, (256,), generator=generator)
        x = clouds[which] + 0.15 * torch.randn(256, 2, generator=generator)
        batches.append((torch.randn(256, 2, generator=generator), x))
    torch.manual_seed(0)
    model = FlowMatching(features=2, width=16)
    noise = torch.randn(1000, 2, generator=generator)

    def near(x):
        distance, cloud = torch.cdist(x, clouds).min(1)
        close = distance < 0.45
        return close.float().mean().item(), cloud[close].bincount(minlength=8).min().item()

    before = near(model(noise).detach())
    fit(Denoising(model=model), batches, optimizers="adamw:lr=5e-3", schedule="cosine", epochs=3,
        average="ema:decay=0.98", device="cpu")  # fmt: skip
    share, least = near(model.eval()(noise).detach())
    assert share > 0.75
    assert least > 40
    assert before[0] < 0.3


def test_what_cannot_be_a_denoiser_is_refused():
    with pytest.raises(UsageError, match="needs features= of vectors, or channels="):
        build("ddpm")
    with pytest.raises(UsageError, match="unknown what a network predicts 'speed'"):
        build("ddpm", features=2, predicts="speed")
    with pytest.raises(UsageError, match="unknown schedule 'wavy'"):
        build("ddpm", features=2, beta_schedule="wavy")
    with pytest.raises(UsageError, match=r"^sampling_steps=20 .* this model has 10"):
        build("ddpm", features=2, chain=10)
    with pytest.raises(UsageError, match=r"with predicts=noise: .*; give predicts=v"):
        build("ddpm", features=2, zero_terminal_snr=True)
    with pytest.raises(UsageError, match="Linear is none"):
        Denoising(model=nn.Linear(2, 2))
