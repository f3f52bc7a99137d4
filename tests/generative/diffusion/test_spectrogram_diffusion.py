import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.generative.diffusion.denoising import Denoising
from cartograd.generative.diffusion.spectrogram import QUIET, Spectrogram
from cartograd.generative.diffusion.spectrogram_diffusion import SpectrogramDiffusion

RATE = 8000


def spectrogram():
    return Spectrogram(2048, n_mels=32, fft=256, sample_rate=RATE, steps=64)


def vowels(n=3):
    """Sounds of variance one with harmonics of a pitch that rises, between two silences."""
    time = torch.arange(2048) / RATE
    pitch = torch.linspace(110, 250, n)[:, None] * (1 + time)
    tones = sum((2 * torch.pi * pitch * k * time).sin() / k for k in range(1, 8))
    x = tones * (time * 4 * torch.pi).sin().clamp_min(0)
    return x / x.std()


@pytest.mark.place("diffusion/audio")
@pytest.mark.law("spectrogram-diffusion")
def test_sounds_come_back_with_their_bands_and_silence_as_silence():
    own, x = spectrogram(), vowels()
    z = own(x)
    assert z.shape == (3, 1, 32, 32)
    assert z.min() >= -1
    assert z.max() <= 1
    decibels = (own(own.sound(z)) - z) / 2 * (25 - QUIET)
    loud = z > 0
    assert loud.float().mean() > 0.1
    assert decibels[loud].abs().mean() < 1.5
    silence = torch.zeros(2, 2048)
    assert torch.equal(own(silence), torch.full((2, 1, 32, 32), -1.0))
    assert torch.equal(own.sound(own(silence)), silence)


@pytest.mark.law("spectrogram-diffusion")
def test_ten_times_the_power_is_ten_decibels_more():
    own, x = spectrogram(), torch.randn(2, 2048, generator=torch.Generator().manual_seed(0))
    quiet, loud = own(x), own(10**0.5 * x)
    torch.testing.assert_close(loud - quiet, torch.full_like(quiet, 20 / 65), rtol=0, atol=1e-3)
    assert ((quiet + 1) / 2 * 65 + QUIET).mean().abs() < 2  # white noise is at no decibels


@pytest.mark.law("spectrogram-diffusion")
def test_powers_of_waves_have_those_of_the_bands():
    own = spectrogram()
    y = torch.rand(2, 5, 32, generator=torch.Generator().manual_seed(0)) + 1
    waves = own.waves(y)
    assert waves.min() >= 0
    apart = (waves @ own.bands / y).log10().abs() * 10
    rough = y @ own.bands.T
    rough = rough * (y.sum(-1, keepdim=True) / (rough @ own.bands).sum(-1, keepdim=True))
    assert apart.mean() < 0.5 * ((rough @ own.bands / y).log10().abs() * 10).mean()


class Knows(nn.Module):
    """A network that knows what is behind the noise, and says v."""

    def __init__(self, model, z):
        super().__init__()
        self.z, self.path = z, model.denoiser.path

    def forward(self, x, time, y=None):
        level = self.path.at(time.long() + 1)
        alpha, sigma = (one.float().reshape(-1, 1, 1, 1) for one in (level.alpha, level.sigma))
        return (alpha * x - self.z) / sigma


@pytest.mark.law("spectrogram-diffusion")
def test_who_knows_the_spectrogram_draws_its_sound():
    model, x = SpectrogramDiffusion(features=2048, width=8, sampling_steps=3), vowels()
    z = model.coded(x[:, None])
    model.denoiser.net = Knows(model, z)
    drawn = model(torch.randn(3, 1, 2048))
    assert drawn.shape == (3, 1, 2048)
    torch.testing.assert_close(model.coded(drawn), model.coded(model.decoded(z)), rtol=0, atol=0.05)
    loss = next(Denoising(model=model).losses((torch.randn(3, 1, 2048), x[:, None]))).value
    assert loss.max() < 1e-6


def test_it_is_told_the_rate_of_its_sounds():
    sound = Port("noise", "audio", (1, 2048), rate=16_000)
    drawn = Port("sound", "audio", (1, 2048), bounds=(-1.0, 1.0), rate=16_000, task="generate")
    model = build("spectrogram-diffusion", signature=Signature((sound,), (drawn,)), width=8).model
    expected = Spectrogram(2048, n_mels=32, fft=256, sample_rate=16_000).bands
    torch.testing.assert_close(model.spectrogram.bands, expected)


def test_more_bands_than_samples_are_refused():
    with pytest.raises(UsageError, match="at most n_mels=4"):
        SpectrogramDiffusion(features=64, n_mels=5, fft=16, width=8)
