import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.core.generative import Level
from cartograd.core.ports import Port, Signature
from cartograd.generative.diffusion.classifier_guidance import ClassifierGuided
from cartograd.generative.diffusion.denoiser import Conditioned
from cartograd.generative.diffusion.noisy_classify import NoisyClassify, mixtures
from cartograd.generative.diffusion.paths import Growing, Straight, steps
from cartograd.generative.diffusion.reverse import mean_back
from cartograd.generative.samplers.ancestral import ancestral
from cartograd.generative.samplers.ddim import ddim
from cartograd.generative.samplers.steps import noise_in
from tests.generative.samplers.gaussian import MEAN, STD, GaussianDenoiser

PATHS = {"ddpm": steps("linear", 200), "edm": Growing(), "flow": Straight()}


def at(path, place):
    levels = PATHS[path].levels(20)
    return Level(levels.alpha[place], levels.sigma[place], levels.time[place])


def guided(path, scale=2.5):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 4)).double()
    y = torch.tensor([0, 1, 2, 3, 0])
    plain = Conditioned(GaussianDenoiser(PATHS[path]), None)
    return ClassifierGuided(plain, net, y, scale=scale), plain, net


@pytest.mark.place("diffusion/guidance")
@pytest.mark.parametrize("path", PATHS)
def test_the_pull_is_the_gradient_by_finite_differences(path):
    model, _, net = guided(path)
    level, x = at(path, 7), torch.randn(5, 3).double()
    length, step = math.hypot(level.alpha, level.sigma), 1e-5

    def logs(x):
        return net(x / length).log_softmax(1)[torch.arange(5), model.y]

    found = model.gradient(x, level)
    for i in range(3):
        shift = step * torch.eye(3).double()[i]
        slope = (logs(x + shift) - logs(x - shift)) / (2 * step)
        torch.testing.assert_close(found[:, i], slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("path", PATHS)
def test_noise_and_mean_move_as_the_paper_has_it(path):
    model, plain, _ = guided(path)
    now, then = at(path, 7), at(path, 8)
    x = torch.randn(5, 3).double()
    pull = model.gradient(x, now)
    noise = noise_in(x, plain.denoise(x, now), now)
    moved = noise_in(x, model.denoise(x, now), now)
    torch.testing.assert_close(moved, noise - 2.5 * now.sigma * pull)
    (before, log_variance), (after, same) = (one.reverse(x, now, then) for one in (plain, model))
    assert torch.equal(log_variance, same)
    mean, other = (mean_back(x, one, now, then) for one in (before, after))
    torch.testing.assert_close(other, mean + 2.5 * log_variance.exp() * pull)


@pytest.mark.parametrize("sampler", [ddim, ancestral])
def test_a_right_classifier_draws_the_class_and_none_at_scale_nought(sampler):
    """Of one normal cloud, those above its middle are class 1: their mean is known."""
    path = PATHS["ddpm"]
    noise = torch.randn(4000, 1, generator=torch.Generator().manual_seed(0)).double()

    def logits(x):  # of mixtures: the posterior is normal, and its upper half is the class
        level = levels[len(seen)]
        seen.append(level)
        alpha, sigma = level.alpha, level.sigma
        whole = alpha**2 * STD**2 + sigma**2
        mean = MEAN + alpha * STD**2 / whole * (x - alpha * MEAN)
        share = torch.special.ndtr((mean - MEAN) / (STD * sigma / whole.sqrt()))
        return torch.cat([1 - share, share], 1).clamp_min(1e-12).log()

    table = path.levels(200)
    levels = [Level(a, s, t) for a, s, t in zip(table.alpha, table.sigma, table.time, strict=True)]
    drawn = {}
    for scale in (0.0, 1.0):
        seen = []
        plain = Conditioned(GaussianDenoiser(path), None)
        ones = torch.ones(4000, dtype=torch.long)
        model = ClassifierGuided(plain, logits, ones, scale=scale)
        drawn[scale] = sampler(model, noise, torch.Generator().manual_seed(1), steps=200)
    free = sampler(GaussianDenoiser(path), noise, torch.Generator().manual_seed(1), steps=200)
    torch.testing.assert_close(drawn[0.0], free)
    half_normal = MEAN + STD * math.sqrt(2 / math.pi)
    assert drawn[1.0].mean().item() == pytest.approx(half_normal, abs=0.03)
    assert (drawn[1.0] > MEAN).double().mean().item() > 0.95


@pytest.mark.law("noisy-classify")
def test_mixtures_are_spread_evenly_over_the_angles():
    x = 100 + torch.rand(4000, 6).double()
    angle = (mixtures(x, torch.tensor(0)).mean(1) / 100.5).clamp(-1, 1).acos()
    even = torch.linspace(0, math.pi / 2, 4000)
    assert (angle.sort().values - even).abs().max() < 0.06
    noise = mixtures(x - 100, torch.tensor(1))
    assert not torch.equal(noise, mixtures(x - 100, torch.tensor(2)))
    pure = mixtures(1e-9 * x, torch.tensor(0))
    assert pure.square().mean().item() == pytest.approx(0.5, abs=0.02)
    assert torch.equal(mixtures(x[:5], torch.tensor(0)), mixtures(x, torch.tensor(0))[:5])


@pytest.mark.law("noisy-classify")
def test_the_loss_is_that_of_the_mixtures():
    torch.manual_seed(0)
    model = nn.Linear(3, 4)
    x, y = torch.randn(6, 3), torch.tensor([0, 1, 2, 3, 0, 1])
    objective = NoisyClassify(model=model)
    objective.after_step("model")
    (loss,) = objective.losses((x, y))
    expected = F.cross_entropy(model(mixtures(x, torch.tensor(1))), y, reduction="none")
    torch.testing.assert_close(loss.value, expected)


def signed(network, inputs, output):
    return cg.sign(network, Signature(inputs, (output,)))


def test_a_model_without_classes_draws_those_of_a_classifier():
    torch.manual_seed(0)
    points = Port("noise", "vector", (2,))
    model = cg.build(
        "flow-matching:width=4",
        signature=Signature((points,), (Port("x", "vector", (2,), task="generate"),)),
    )
    classes = Port("y", "label", (2,), labels=("left", "right"))
    sides = signed(nn.Linear(2, 2), (Port("x", "vector", (2,)),), classes)
    with torch.no_grad():
        sides.model.weight.copy_(torch.tensor([[-9.0, 0.0], [9.0, 0.0]]))
    from cartograd.apps.verbs.guidance import Guidance, guidance_of

    pull = Guidance(1.0, sides, 1.0)
    y = torch.tensor([0, 1] * 20)
    denoiser = pull.of(model, model.model.denoiser, y)
    x = ddim(denoiser, torch.randn(40, 2), torch.Generator(), steps=8)
    assert ((x[:, 0] > 0).long() == y).double().mean() > 0.9
    with pytest.raises(UsageError, match="neither a number nor a classifier"):
        guidance_of("louder", model)
    with pytest.raises(UsageError, match="scale=-1 is no number from 0 on"):
        guidance_of("classifier:x,scale=-1", model)
    assert guidance_of("2.5", model) == Guidance(2.5)
