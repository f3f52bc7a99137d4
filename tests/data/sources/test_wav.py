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
    told = r"differ in length \(0.05 to 0.08 s, half up to 0.05\); .* as seconds=0.05"
    with pytest.raises(UsageError, match=told):
        wav(words)
    assert wav(words, seconds=0.06).signature.input.dims == (1, 480)
    write(words / "yes" / "fine.wav", seed=51, rate=16000)
    told = (
        r"in rate \(8000: 41, 16000: 1 samples per second\) and in length .* sample_rate=8000,sec"
    )
    with pytest.raises(UsageError, match=told):
        wav(words)
    data = wav(words, seconds=0.05, sample_rate=4000)
    assert data.signature.input.dims == (1, 200)
    assert data.about["decided"][1:] == [
        "42 of 42 sounds are brought to 4000 samples per second (they have 8000: 41, 16000: 1)",
        "1 of 42 sounds are longer than 0.05 s, up to 0.08 s: their beginning is taken",
    ]


def test_what_was_done_to_the_sounds_is_said(words):
    soundfile.write(words / "yes" / "two.wav", np.full((200, 2), 3.0), 8000, subtype="FLOAT")
    (words / "yes" / "notes.txt").write_text("x")
    assert wav(words, seconds=0.05).about["decided"] == [
        "2 classes (no 20, yes 21)",
        "left out, 1 files that are no examples: 1 .txt (such as yes/notes.txt)",
        "1 of 41 sounds have several channels, which are averaged",
        "1 of 41 sounds are shorter than 0.05 s, down to 0.025 s: silence is put behind them",
        "1 of 41 sounds have numbers beyond 1, up to 3, which are cut off: scale them to -1 to 1 "
        "if that is not meant",
    ]


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
    (words / "no" / "1.wav").write_bytes(b"")
    with pytest.raises(UsageError, match=r"2 sounds: .*no.1.wav is not .*; .*yes.0.wav is not"):
        wav(words)
