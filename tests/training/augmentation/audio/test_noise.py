"""Noise: the ratio that is asked for, and white."""

import pytest
import torch

from cartograd.training.augmentation.audio.noise import noise, noised
from tests.training.augmentation.support import rng


def sounds(dtype=torch.float64, n=8, length=8000):
    t = torch.arange(length, dtype=dtype)
    loud = torch.logspace(-3, 0, n, dtype=dtype)[:, None, None]
    return loud * torch.sin(0.05 * t) * torch.exp(-t / 4000)


@pytest.mark.law("noise")
@pytest.mark.parametrize(("dtype", "within"), [(torch.float64, 1e-6), (torch.float32, 1e-3)])
def test_the_measured_ratio_is_the_one_asked_for(dtype, within):
    x = sounds(dtype)
    ratio = torch.linspace(-10, 40, 8, dtype=torch.float64)
    after = noised(x, rng(8).normal(8000)[:, None], ratio)
    power = [sound.double().square().mean((1, 2)) for sound in (x, after.double() - x.double())]
    assert (10 * (power[0] / power[1]).log10() - ratio).abs().max() < within


@pytest.mark.law("noise")
def test_the_noise_is_white():
    x = sounds()
    added = noise(x, rng(8), snr=(20.0, 20.0)) - x
    added = added[:, 0] / added[:, 0].std(1, keepdim=True)
    density = torch.fft.rfft(added).abs().square()[:, 1:-1] / 8000
    bands = density.mean(0).reshape(-1, 31).mean(1)
    assert (bands - 1).abs().max() < 0.35
    assert abs((added[:, 1:] * added[:, :-1]).mean()) < 0.02
    assert (torch.corrcoef(added) - torch.eye(8)).abs().max() < 0.06


def test_silence_stays():
    x = torch.zeros(2, 1, 100)
    assert torch.equal(noise(x, rng(2)), x)
