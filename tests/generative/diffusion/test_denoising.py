import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.generative.diffusion.denoiser import Denoiser, noisy
from cartograd.generative.diffusion.denoising import Denoising
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
