"""Speed: tones, aliases, and scipy's resampling."""

import math

import pytest
import torch

from cartograd.training.augmentation.audio.speed import sped


@pytest.mark.law("speed")
def test_a_tone_of_f_becomes_one_of_s_f():
    t = torch.arange(4000, dtype=torch.float64)
    factor = torch.tensor([0.7, 0.9, 1.0, 1.1, 1.6], dtype=torch.float64)
    for frequency in (0.02, 0.3, 1.2):  # radians per sample
        x = torch.sin(frequency * t).expand(5, 1, -1)
        found = sped(x, factor)[:, 0]
        expected = torch.sin(frequency * factor[:, None] * t)
        for i in range(5):
            middle = slice(200, min(4000, int(4000 / factor[i])) - 200)
            assert (found[i, middle] - expected[i, middle]).abs().max() < 5e-3


@pytest.mark.law("speed")
def test_what_would_alias_disappears():
    t = torch.arange(4000, dtype=torch.float64)
    x = torch.sin(2.5 * t)[None, None]  # 1.5 times as fast it would lie above pi
    assert sped(x, torch.tensor([1.5]))[..., 200:2400].abs().max() < 0.02
    assert sped(x, torch.tensor([1.2]))[..., 200:2400].abs().max() > 0.9


@pytest.mark.oracle("speed")
@pytest.mark.parametrize(("up", "down"), [(5, 4), (4, 5), (10, 9)])
def test_equal_to_scipys_polyphase_filter(up, down):
    from scipy import signal

    generator = torch.Generator().manual_seed(0)
    spectrum = torch.zeros(2049, dtype=torch.complex128)
    spectrum[5:700] = torch.randn(695, generator=generator, dtype=torch.complex128)
    x = torch.fft.irfft(spectrum)
    x = x / x.abs().max()
    theirs = torch.from_numpy(signal.resample_poly(x.numpy(), up, down, window=("kaiser", 14.0)))
    ours = sped(x[None, None], torch.tensor([down / up], dtype=torch.float64))[0, 0]
    middle = slice(300, min(len(theirs), 4096) - 300)
    assert (ours[middle] - theirs[middle]).abs().max() < 1e-3


def test_a_factor_of_one_is_nothing_and_the_end_is_silent():
    x = torch.randn(1, 2, 500, dtype=torch.float64)
    torch.testing.assert_close(sped(x, torch.ones(1)), x, rtol=0, atol=1e-10)
    assert not sped(x, torch.tensor([2.0]))[..., math.ceil(499 / 2) + 1 :].any()
