import itertools

import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.generative.diffusion.coupling import nearest_pairs
from cartograd.generative.diffusion.denoiser import Denoiser, noisy
from cartograd.generative.diffusion.denoising import Denoising, uniform
from cartograd.generative.diffusion.flow_matching import FlowMatching
from cartograd.generative.diffusion.paths import Straight


def taught():
    """A denoiser, and n noises with their examples."""
    draw = torch.Generator().manual_seed(1)
    return (
        lambda: FlowMatching(features=3, width=4),
        lambda n: tuple(torch.randn(n, 3, generator=draw) for _ in range(2)),
    )


class Answer(nn.Module):
    """A network that says what it was given."""

    def forward(self, x, time, y=None):
        return self.answer


@pytest.mark.law("denoising")
def test_the_share_without_a_class_is_what_was_asked():
    torch.manual_seed(0)
    seen = []

    class Spy(nn.Module):
        def forward(self, x, time, y):
            seen.append(y)
            return x

    model = build("ddpm", features=1, classes=3, width=8)
    model.denoiser.net = Spy()
    x, y = torch.randn(20_000, 1), torch.zeros(20_000, dtype=torch.long)
    objective = Denoising(model=model, label_dropout=0.1)
    next(objective.losses((x, y, x)))
    assert (seen[-1] == 3).float().mean().item() == pytest.approx(0.1, abs=0.01)
    objective.validate((x, y, x))
    assert not (seen[-1] == 3).any()


@pytest.mark.law("denoising")
def test_on_normal_data_the_best_guess_is_the_posterior_mean():
    """At one level a linear network is enough: its least squares are those of the formula."""
    torch.manual_seed(0)
    x, noise = 0.5 + 0.8 * torch.randn(2, 50_000, 1).double()[0], torch.randn(50_000, 1).double()
    path, half = Straight(), torch.tensor(0.4, dtype=torch.float64)
    level = path.at(half)
    denoiser = Denoiser(Answer(), path, predicts="velocity", classes=None, steps=1)
    a, b = denoiser.mixture(level)
    seen = noisy(x, noise, level)
    target = a * x + b * noise
    design = torch.cat([seen, torch.ones_like(seen)], dim=1)
    answer = design @ torch.linalg.lstsq(design, target).solution
    denoiser.net.answer = answer
    found = denoiser.denoise(seen, level)
    gain = 0.6 * 0.64 / (0.36 * 0.64 + 0.16)
    right = 0.5 + gain * (seen - 0.6 * 0.5)
    torch.testing.assert_close(found, right, rtol=0.02, atol=0.02)


def costs(predicts, **settings):
    """The loss of the same guesses, whatever the network says them by, and their levels."""
    draw = torch.Generator().manual_seed(5)
    x, noise, off = (torch.randn(64, 4, generator=draw).double() for _ in range(3))
    model = build("zero-snr", features=4, width=4, predicts=predicts)
    denoiser, objective = model.denoiser, Denoising(model=model, **settings)
    level = denoiser.path.drawn(uniform(noise)[0])

    class Says(nn.Module):
        def forward(self, seen, time, y=None):
            a, b = (one[:, None] for one in denoiser.mixture(level))
            guess = x + 0.1 * off
            alpha, sigma = level.alpha[:, None], level.sigma[:, None]
            return a * guess + b * (seen - alpha * guess) / sigma

    denoiser.net = Says()
    return next(objective.losses((noise, x))).value, (0.1 * off).square().mean(1), level


@pytest.mark.law("denoising")
def test_by_min_snr_a_guess_costs_as_much_whatever_is_predicted():
    for predicts in ("v", "example"):
        found, error, level = costs(predicts, min_snr=5.0)
        ratio = (level.alpha / level.sigma).square()
        torch.testing.assert_close(found, ratio.clamp_max(5) * error, rtol=1e-10, atol=1e-14)
    plain, error, level = costs("v")
    torch.testing.assert_close(plain, error / level.sigma**2, rtol=1e-9, atol=1e-12)


@pytest.mark.oracle("denoising")
@pytest.mark.parametrize("predicts", ["noise", "v"])
def test_weights_are_those_of_diffusers(predicts):
    """As its training scripts have them: over SNR of noise, over SNR + 1 of v."""
    training = pytest.importorskip("diffusers.training_utils")
    schedulers = pytest.importorskip("diffusers.schedulers")
    model = build("ddpm", features=4, width=4, predicts=predicts)
    objective = Denoising(model=model, min_snr=5.0)
    times = torch.arange(0, 1000, 37)
    theirs = schedulers.DDPMScheduler(beta_start=1e-4, beta_end=0.02, beta_schedule="linear")
    ratio = training.compute_snr(theirs, times)
    right = ratio.clamp_max(5) / (ratio + (predicts == "v"))
    level = model.denoiser.path.at(times + 1)
    assert objective.min_snr is not None
    found = objective._weight(level, objective.min_snr)
    torch.testing.assert_close(found.float(), right, rtol=1e-4, atol=1e-6)


@pytest.mark.law("denoising")
def test_optimal_pairs_are_the_best_of_all_permutations():
    draw = torch.Generator().manual_seed(2)
    x, noise = (torch.randn(6, 2, generator=draw) for _ in range(2))
    pairs = nearest_pairs(x, noise)
    cost = {
        order: (x - noise[list(order)]).square().sum().item()
        for order in itertools.permutations(range(6))
    }
    assert tuple(pairs.tolist()) == min(cost, key=cost.__getitem__)
    x, noise = (torch.randn(200, 1, generator=draw) for _ in range(2))
    found = noise[nearest_pairs(x, noise)]
    assert torch.equal(found[x[:, 0].argsort()], noise.sort(dim=0).values)


@pytest.mark.law("denoising")
def test_pairs_keep_to_their_classes_and_take_each_noise_once():
    draw = torch.Generator().manual_seed(2)
    x, noise, y = (*torch.randn(2, 30, 3, generator=draw), torch.arange(30) % 3)
    pairs = nearest_pairs(x, noise, y)
    assert sorted(pairs.tolist()) == list(range(30))
    assert torch.equal(y[pairs], y)
    for one in range(3):
        own = (y == one).nonzero().flatten()
        assert torch.equal(pairs[own], own[nearest_pairs(x[own], noise[own])])


@pytest.mark.law("denoising")
def test_an_objective_with_optimal_pairs_learns_their_ways():
    """Of numbers on a line the ways no longer cross, so that a velocity is a function of place."""
    draw = torch.Generator().manual_seed(1)
    x, noise = (torch.randn(256, 1, generator=draw) for _ in range(2))
    losses = []
    for coupling in ("independent", "optimal"):
        model = FlowMatching(features=1, width=4)
        model.denoiser.net = Answer()
        objective = Denoising(model=model, coupling=coupling)
        model.denoiser.net.answer = torch.zeros(256, 1)
        losses.append(next(objective.losses((noise, x))).value.mean().item())
    apart = (noise.sort(dim=0).values - x.sort(dim=0).values).square().mean().item()
    assert losses[1] == pytest.approx(apart, rel=1e-5)
    assert losses[1] < 0.1 * losses[0]


def test_what_cannot_be_coupled_is_refused():
    with pytest.raises(UsageError, match="unknown coupling 'best'"):
        Denoising(model=FlowMatching(features=1), coupling="best")
    model = FlowMatching(features=1)
    model.denoiser.register_buffer("empty", torch.zeros(4, dtype=torch.long))
    with pytest.raises(UsageError, match="coupling=optimal pairs within classes, and this model"):
        Denoising(model=model, coupling="optimal")
