"""Sound files as examples."""

import numpy as np
import pytest
import soundfile
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.data.sources.wav import wav


def write(path, *, seed, seconds=0.05, rate=8000):
    values = np.random.default_rng(seed).uniform(-1, 1, round(seconds * rate)).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, values, rate, subtype="FLOAT")
    return values


@pytest.fixture
def words(tmp_path):
    for i in range(40):
        write(tmp_path / "words" / ("yes", "no")[i % 2] / f"{i}.wav", seed=i)
    return tmp_path / "words"


@pytest.mark.law("wav")
def test_written_samples_come_back(words):
    data = wav(words)
    assert data.signature.output.labels == ("no", "yes")
    assert data.signature.input.dims == (1, 400)
    assert data.signature.input.rate == 8000
    for split in (data.train, data.valid, data.test):
        for sound, target, name in zip(split.inputs, split.targets, split.names, strict=True):
            kind, number = name.removesuffix(".wav").split("/")
            values = np.random.default_rng(int(number)).uniform(-1, 1, 400).astype(np.float32)
            assert torch.equal(sound[0], torch.from_numpy(values))
            assert kind == ("no", "yes")[target]


@pytest.mark.law("wav")
def test_files_of_large_classes_keep_their_split(words):
    for i in range(40, 200):
        write(words / "yes" / f"{i}.wav", seed=i)
    before = wav(words)
    for i in range(200, 230):
        write(words / "yes" / f"{i}.wav", seed=i)
    after = wav(words)
    for part in ("train", "valid", "test"):
        assert set(getattr(before, part).names) <= set(getattr(after, part).names)


def test_the_users_own_splits(words, tmp_path):
    root = tmp_path / "own"
    root.mkdir()
    words.rename(root / "train")
    write(root / "test" / "yes" / "x.wav", seed=99)
    data = wav(root)
    assert data.test.names == ("test/yes/x.wav",)
    assert len(data.train) + len(data.valid) == 40


@pytest.mark.law("wav")
def test_one_file_is_cut_into_pieces(tmp_path):
    values = write(tmp_path / "long.wav", seed=0, seconds=2.03)
    data = build(f"wav:{tmp_path}/long.wav,seconds=0.1")()
    splits = (data.train, data.valid, data.test)
    pieces = {
        name: x for split in splits for name, x in zip(split.names, split.inputs, strict=True)
    }
    assert len(pieces) == 20
    joined = torch.cat([pieces[f"long.wav at {i * 0.1:g} s"][0] for i in range(20)])
    assert torch.equal(joined, torch.from_numpy(values[:16000]))
    assert data.signature.output.labels == ("long",)


def test_length_and_rate_are_asked_for_where_files_differ(words):
    write(words / "yes" / "long.wav", seed=50, seconds=0.08)
    with pytest.raises(UsageError, match=r"differ in length: .*0.05 s.*0.08 s; .*seconds=1"):
        wav(words)
    assert wav(words, seconds=0.06).signature.input.dims == (1, 480)
    write(words / "yes" / "fine.wav", seed=51, rate=16000)
    with pytest.raises(
        UsageError, match=r"differ in rate: .*fine.wav has 16000; .*sample_rate=16000"
    ):
        wav(words, seconds=0.05)
    assert wav(words, seconds=0.05, sample_rate=4000).signature.input.dims == (1, 200)


def test_mistakes_are_named(words, tmp_path):
    with pytest.raises(UsageError, match=r"none.wav is not a readable sound"):
        wav(tmp_path / "none.wav", seconds=1.0)
    write(tmp_path / "one.wav", seed=0)
    with pytest.raises(UsageError, match="is one file: give the length"):
        wav(tmp_path / "one.wav")
    with pytest.raises(UsageError, match=r"gives 5 pieces of 0.01 s; expected at least 10"):
        wav(tmp_path / "one.wav", seconds=0.01)
    (words / "yes" / "0.wav").write_bytes(b"RIFF")
    with pytest.raises(UsageError, match=r"yes.0.wav is not a readable sound"):
        wav(words)
