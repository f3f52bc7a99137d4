"""Sounds: samples, channels, rates and lengths."""

import numpy as np
import pytest
import soundfile
import torch

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.data.decode.read import read
from cartograd.data.decode.sounds import fitted, samples

TONE = (np.sin(np.arange(8000) / 8000 * 2 * np.pi * 440) / 2).astype(np.float32)


@pytest.fixture
def tone(tmp_path):
    path = tmp_path / "tone.wav"
    soundfile.write(path, TONE, 8000, subtype="FLOAT")
    return path


def test_samples_come_back(tone):
    sound, rate = samples(tone)
    assert rate == 8000
    assert torch.equal(sound, torch.from_numpy(TONE))


def test_channels_are_averaged(tmp_path):
    soundfile.write(tmp_path / "two.wav", np.stack([TONE, -TONE / 2], 1), 8000, subtype="FLOAT")
    torch.testing.assert_close(samples(tmp_path / "two.wav")[0], torch.from_numpy(TONE) / 4)


@pytest.mark.law("wav")
@pytest.mark.parametrize("rate", [4000, 11025, 16000])
def test_a_tone_keeps_its_pitch_and_height(tone, rate):
    sound, own = samples(tone, rate=rate)
    assert own == rate
    assert len(sound) == rate
    expected = torch.sin(torch.arange(rate, dtype=torch.float64) / rate * 2 * torch.pi * 440) / 2
    inner = slice(rate // 20, -rate // 20)
    assert (sound.double() - expected)[inner].abs().max() < 5e-3


def test_fitted():
    sound = torch.tensor([1.0, 2.0, 3.0])
    assert fitted(sound, 2).tolist() == [1, 2]
    assert fitted(sound, 5).tolist() == [1, 2, 3, 0, 0]


def test_read_brings_to_the_ports_rate_and_length(tone):
    port = Port("sound", "audio", (1, 6000), bounds=(-1.0, 1.0), rate=4000)
    found = read(port, [str(tone), TONE[:6000]])
    assert found.shape == (2, 1, 6000)
    assert (found[0, 0, 4000:] == 0).all()
    assert torch.equal(found[1, 0], torch.from_numpy(TONE[:6000]))


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "is not a readable sound"), (b"no sound", "is not a readable sound")],
)
def test_damaged_files_are_named(tmp_path, content, message):
    path = tmp_path / "bad.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=rf"bad.wav {message}"):
        samples(path)


def test_empty_and_not_finite_sounds(tmp_path):
    soundfile.write(tmp_path / "empty.wav", TONE[:0], 8000)
    with pytest.raises(UsageError, match=r"empty.wav holds no samples"):
        samples(tmp_path / "empty.wav")
    soundfile.write(tmp_path / "nan.wav", np.full(9, np.nan), 8000, subtype="FLOAT")
    with pytest.raises(UsageError, match="no finite numbers"):
        samples(tmp_path / "nan.wav")
