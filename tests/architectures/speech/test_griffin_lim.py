"""Griffin-Lim against scipy's short-time Fourier transform, and the theorem of its paper."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from cartograd.architectures.speech.griffin_lim import Pieces
from cartograd.core.errors import UsageError
from tests.reference import Reference

signal = Reference("scipy.signal")


def pieces():
    """In double precision, from the start."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        return Pieces(512, fft=64)
    finally:
        torch.set_default_dtype(before)


def sounds(n=3):
    """Tones whose pitch and loudness change, and some noise."""
    place = torch.arange(512).double() / 512
    pitch = torch.linspace(20, 90, n).double()[:, None]
    tones = (2 * torch.pi * pitch * place * (1 + place)).sin() * (4 * place).sin().square()
    draw = torch.Generator().manual_seed(0)
    return tones + 0.05 * torch.randn(n, 512, generator=draw, dtype=torch.float64)


def whole(waves):
    """Waves of both signs of frequency, whose norm is that of the pieces."""
    return torch.cat([waves, waves[..., 1:-1]], -1)


@pytest.mark.oracle("spectrogram-diffusion")
def test_pieces_and_their_sounds_are_those_of_scipy():
    own, x = pieces(), sounds()
    given = {"window": own.window.numpy(), "nperseg": 64, "noverlap": 48}
    around = F.pad(x, (own.around, own.around)).numpy()
    _, _, theirs = signal.stft(around, **given, boundary=None, padded=False)
    total = own.window.sum()
    mine = own(x)
    expected = total * torch.from_numpy(theirs).mT
    torch.testing.assert_close(mine, expected, rtol=1e-12, atol=1e-12)
    draw = torch.Generator().manual_seed(1)
    waves = torch.fft.rfft(torch.randn(3, 32, 64, generator=draw, dtype=torch.float64))
    with pytest.warns(UserWarning, match="NOLA"):  # of the first sample beyond the start
        _, nearest = signal.istft((waves.mT / total).numpy(), **given, boundary=False)
    expected = torch.from_numpy(nearest)[:, own.around : own.around + 512]
    torch.testing.assert_close(own.sound(waves), expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(own.sound(mine), x, rtol=1e-12, atol=1e-12)


@pytest.mark.law("spectrogram-diffusion")
def test_no_step_leads_away_from_the_magnitudes():
    own, draw = pieces(), torch.Generator().manual_seed(2)
    true = own(sounds()).abs()
    for wished in (true, torch.rand(3, 32, 33, generator=draw, dtype=torch.float64)):
        found = [own(own.griffin_lim(wished, steps=n)).abs() for n in range(12)]
        apart = [whole(one - wished).flatten(1).norm(dim=1) for one in found]
        assert all((later <= sooner).all() for sooner, later in pairwise(apart))
        assert (apart[-1] < 0.9 * apart[0]).all()
    near = whole(own(own.griffin_lim(true, steps=200)).abs() - true).flatten(1).norm(dim=1)
    assert (20 * (near / whole(true).flatten(1).norm(dim=1)).log10() < -15).all()


@pytest.mark.law("spectrogram-diffusion")
def test_gradients_go_through_the_last_step_alone():
    own = pieces()
    wished = own(sounds()).abs().requires_grad_()
    with torch.no_grad():
        phases = own(own.griffin_lim(wished, steps=2)).angle()
    (slope,) = torch.autograd.grad(own.griffin_lim(wished, steps=3).square().sum(), wished)
    (plain,) = torch.autograd.grad(own.sound(torch.polar(wished, phases)).square().sum(), wished)
    torch.testing.assert_close(slope, plain, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("features", "fft"), [(500, 64), (512, 60)])
def test_pieces_that_do_not_fit_are_refused(features, fft):
    with pytest.raises(UsageError, match="cannot be cut into pieces"):
        Pieces(features, fft=fft)
