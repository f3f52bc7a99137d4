"""Time stretch: pitch stays, clicks move, and the recursion as published."""

import math

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.training.augmentation.audio.time_stretch import stretched, time_stretch, vocoder
from tests.training.augmentation.support import rng

FACTORS = torch.tensor([0.8, 0.93, 1.0, 1.2, 1.5], dtype=torch.float64)


@pytest.mark.law("time-stretch")
def test_a_tone_keeps_its_frequency():
    t = torch.arange(16384, dtype=torch.float64)
    for frequency in (0.05, 0.31, 1.1):
        found = stretched(torch.sin(frequency * t).expand(5, 1, -1), FACTORS)[:, 0]
        for sound, factor in zip(found, FACTORS.tolist(), strict=True):
            middle = sound[1024 : int(16384 / max(1, factor)) - 1024]
            window = torch.hann_window(len(middle), dtype=torch.float64)
            size = 1 << 19
            peak = torch.fft.rfft(middle * window, size).abs().argmax() * 2 * math.pi / size
            assert abs(peak / frequency - 1) < 5e-4
            assert 0.2 < middle.abs().max() < 1.4


@pytest.mark.law("time-stretch")
def test_a_click_moves_and_one_changes_nothing():
    x = torch.zeros(5, 1, 12000, dtype=torch.float64)
    x[..., 6000] = 1
    found = stretched(x, FACTORS)[:, 0]
    place = (found.square() * torch.arange(12000)).sum(1) / found.square().sum(1)
    assert (place - 6000 / FACTORS).abs().max() < 160
    noise = torch.randn(1, 2, 5000, dtype=torch.float64)
    torch.testing.assert_close(stretched(noise, torch.ones(1)), noise, rtol=0, atol=1e-10)


@pytest.mark.law("time-stretch")
def test_equal_to_the_recursion_frame_by_frame():
    hop, bins, frames, factor = 8, 17, 30, 1.3
    pieces = torch.randn(1, bins, frames, dtype=torch.complex128)
    padded = torch.cat([pieces, torch.zeros(1, bins, 40)], dim=2)[0]
    turn = math.pi * hop * torch.arange(bins, dtype=torch.float64) / (bins - 1)
    phase, expected = padded[:, 0].angle(), []
    for k in range(frames):
        at = k * factor
        j, share = int(at), at - int(at)
        size = (1 - share) * padded[:, j].abs() + share * padded[:, j + 1].abs()
        expected.append(torch.polar(size, phase))
        change = padded[:, j + 1].angle() - padded[:, j].angle() - turn
        phase = phase + turn + change - 2 * math.pi * (change / (2 * math.pi)).round()
    found = vocoder(pieces, torch.tensor([factor], dtype=torch.float64), hop)[0]
    torch.testing.assert_close(found, torch.stack(expected, 1), rtol=0, atol=1e-10)


def test_too_short():
    with pytest.raises(UsageError, match="more than 256 samples, and these sounds have 256"):
        time_stretch(torch.zeros(2, 1, 256), rng(2))
