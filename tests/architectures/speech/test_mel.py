"""Mel spectrograms against transformers' filters and torch's Fourier transform."""

import numpy as np
import pytest
import torch

from cartograd.architectures.speech.mel import Mel, filters
from tests.reference import Reference

audio_utils = Reference("transformers.audio_utils")


@pytest.mark.parametrize("bands", [10, 40, 80, 128])
def test_filters_are_those_of_transformers(bands):
    theirs = audio_utils.mel_filter_bank(
        201, bands, 0.0, 8000.0, 16000, norm="slaney", mel_scale="slaney"
    )
    np.testing.assert_allclose(filters(bands, 400).numpy(), theirs, rtol=1e-9, atol=1e-15)
    theirs = audio_utils.mel_filter_bank(
        201, bands, 0.0, 4000.0, 8000, norm="slaney", mel_scale="slaney"
    )
    mine = filters(bands, 400, rate=8000)
    np.testing.assert_allclose(mine.numpy(), theirs, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(("reflect", "mode"), [(True, "reflect"), (False, "constant")])
def test_powers_are_those_of_torchs_transform(reflect, mode):
    sound = torch.rand(2, 4000, generator=torch.Generator().manual_seed(0)).double() - 0.5
    mel = Mel(n_mels=20, reflect=reflect).double()
    waves = torch.stft(
        sound, 400, 160, window=mel.window, center=True, pad_mode=mode, return_complex=True
    )
    expected = waves.abs().square().transpose(1, 2) @ mel.filters
    torch.testing.assert_close(mel(sound), expected, rtol=1e-10, atol=1e-12)


def test_a_tone_is_loud_in_its_band():
    tone = torch.sin(torch.arange(16000) / 16000 * 2 * torch.pi * 440)[None]
    loudest = Mel(n_mels=40)(tone)[0, 20:80].argmax(1)
    assert loudest.unique().tolist() == [filters(40, 400)[11].argmax().item()]
