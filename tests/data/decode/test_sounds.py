"""Sounds: samples, channels, rates and lengths."""

import numpy as np
import pytest
import scipy.signal
import soundfile
import torch

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.data.decode.read import read
from cartograd.data.decode.sounds import fitted, sound

TONE = (np.sin(np.arange(8000) / 8000 * 2 * np.pi * 440) / 2).astype(np.float32)


@pytest.fixture
def tone(tmp_path):
    path = tmp_path / "tone.wav"
    soundfile.write(path, TONE, 8000, subtype="FLOAT")
    return path


def test_samples_come_back(tone):
    found = sound(tone)
    assert (found.rate, found.channels, found.peak) == (8000, 1, pytest.approx(0.5, abs=1e-3))
    assert torch.equal(found.samples, torch.from_numpy(TONE))


FORMS = [
    ("wav", "PCM_U8"), ("wav", "PCM_16"), ("wav", "PCM_24"), ("wav", "PCM_32"), ("wav", "FLOAT"),
    ("wav", "DOUBLE"), ("wav", "ULAW"), ("flac", "PCM_S8"), ("flac", "PCM_16"), ("flac", "PCM_24"),
    ("ogg", "VORBIS"), ("mp3", "MPEG_LAYER_III"), ("aiff", "PCM_16"),
]  # fmt: skip


@pytest.mark.oracle("wav")
@pytest.mark.parametrize(("ending", "depth"), FORMS)
@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_equal_to_soundfile_and_scipy(tmp_path, ending, depth, rate):
    """Samples to the bit, also from bytes; resampled ones as by a filter of scipy's, and in pitch
    and height as by its Fourier transform."""
    times = np.arange(rate // 2) / rate
    both = np.stack([np.sin(times * 2 * np.pi * 440), np.sin(times * 2 * np.pi * 1000)], 1) * 0.4
    path = tmp_path / f"x.{ending}"
    soundfile.write(path, both, rate, subtype=depth)
    expected = soundfile.read(path, dtype="float64")[0].mean(1)
    for source in (path, path.read_bytes()):
        found = sound(source)
        assert (found.rate, found.channels) == (rate, 2)
        assert np.abs(found.samples.double().numpy() - expected).max() < 1e-7
    brought = sound(path, rate=16000).samples.double().numpy()
    filtered = scipy.signal.resample_poly(expected, 16000, rate)
    assert np.abs(brought - filtered).max() < 1e-6
    whole = scipy.signal.resample(expected, len(brought))
    inner = slice(800, -800)
    assert np.abs(brought - whole)[inner].max() < 1e-2


def test_channels_are_averaged(tmp_path):
    soundfile.write(tmp_path / "two.wav", np.stack([TONE, -TONE / 2], 1), 8000, subtype="FLOAT")
    torch.testing.assert_close(sound(tmp_path / "two.wav").samples, torch.from_numpy(TONE) / 4)


@pytest.mark.law("wav")
@pytest.mark.parametrize("rate", [4000, 11025, 16000])
def test_a_tone_keeps_its_pitch_and_height(tone, rate):
    found = sound(tone, rate=rate).samples
    assert len(found) == rate
    expected = torch.sin(torch.arange(rate, dtype=torch.float64) / rate * 2 * torch.pi * 440) / 2
    inner = slice(rate // 20, -rate // 20)
    assert (found.double() - expected)[inner].abs().max() < 5e-3


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
    notes = []
    short = Port("sound", "audio", (1, 1000), bounds=(-1.0, 1.0), rate=8000)
    assert read(short, [tone.read_bytes()], notes=notes).shape == (1, 1, 1000)
    assert notes == [
        "the sound given has 1 s: only the first 0.125 s, 12%, are listened to",
    ]  # fmt: skip


def test_a_size_that_only_the_header_has_is_refused(tmp_path):
    """FLAC says how many samples there are before the first of them."""
    path = tmp_path / "vast.flac"
    soundfile.write(path, TONE, 8000)
    content = bytearray(path.read_bytes())
    content[21:26] = bytes([content[21] | 0x0F]) + b"\xff" * 4
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"says that it holds 68,719,476,735 numbers"):
        sound(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not a readable sound"),
        (b"no sound", "is not a readable sound"),
        (b"", "is not a readable sound"),
        (-1000, "is truncated: its header says 32,080 bytes"),
        (20, "is not a readable sound"),
    ],
)
def test_damaged_files_are_named(tmp_path, content, message):
    path = tmp_path / "bad.wav"
    if isinstance(content, int):
        soundfile.write(path, TONE, 8000, subtype="FLOAT")
        content = path.read_bytes()[:content]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=rf"bad.wav {message}"):
        sound(path)


def test_empty_and_not_finite_sounds(tmp_path):
    soundfile.write(tmp_path / "empty.wav", TONE[:0], 8000)
    with pytest.raises(UsageError, match=r"empty.wav holds no samples"):
        sound(tmp_path / "empty.wav")
    soundfile.write(tmp_path / "nan.wav", np.full(9, np.nan), 8000, subtype="FLOAT")
    with pytest.raises(UsageError, match="no finite numbers"):
        sound(tmp_path / "nan.wav")
