"""Announcements: files written here, and the real ones where they have been fetched."""

import numpy as np
import pytest
import soundfile

from cartograd.core.errors import UsageError
from cartograd.data.sources.prompts import announcements, prompts


def written(folder, languages=("aa", "bb")):
    for language in languages:
        for number in range(30):
            path = folder / language / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            seconds = 0.1 if number == 7 else 0.3 + number / 100
            tone = np.sin(np.arange(int(seconds * 8000)) * (0.1 if language == "aa" else 0.3))
            soundfile.write(path, tone * 0.5, 8000)
        silence = folder / language / "silence" / "1.wav"
        silence.parent.mkdir()
        soundfile.write(silence, np.zeros(8000), 8000)
    return folder


@pytest.mark.law("prompts")
def test_what_is_long_enough_is_there_once(tmp_path):
    data = prompts(written(tmp_path), seconds=0.5)
    names = [name for part in (data.train, data.valid, data.test) for name in part.names]
    expected = {f"{lang}/{n}.wav" for lang in ("aa", "bb") for n in range(30) if n != 7}
    assert sorted(names) == sorted(expected)
    assert data.signature.input.dims == (1, 4000)
    assert data.signature.output.labels == ("aa", "bb")
    for name, row, target in zip(data.train.names, data.train.inputs, data.train.targets,
                                 strict=True):  # fmt: skip
        whole = int((0.3 + int(name[3:-4]) / 100) * 8000)
        assert data.signature.output.labels[target] == name[:2]
        assert not row[0, min(whole, 4000) :].any()
        assert row[0, : min(whole, 4000)].any()


@pytest.mark.law("prompts")
def test_whole_announcements_come_piece_by_piece_in_one_part(tmp_path):
    data = prompts(written(tmp_path), seconds=0.1, whole=True, valid=0.2)
    parts = [[name.split(" at ") for name in part.names]
             for part in (data.train, data.valid, data.test)]  # fmt: skip
    files = [{file for file, _ in part} for part in parts]
    assert not files[0] & files[1] | files[0] & files[2] | files[1] & files[2]
    pieces = sum(int(10 * (0.1 if n == 7 else 0.3 + n / 100) + 1e-9) for n in range(30))
    assert sum(map(len, parts)) == 2 * pieces
    place = data.train.names.index("aa/12.wav at 0.2 s") if "aa/12.wav" in files[0] else 0
    file, after = data.train.names[place].split(" at ")
    sound, _ = soundfile.read(tmp_path / file, dtype="float32")
    begin = round(float(after[:-2]) * 8000)
    assert np.array_equal(data.train.inputs[place, 0].numpy(), sound[begin : begin + 800])


def test_nothing_lasts_so_long(tmp_path):
    with pytest.raises(UsageError, match="no announcement lasts 5 s; ask for fewer seconds"):
        prompts(written(tmp_path), seconds=10.0)


@pytest.mark.paper("prompts")
def test_the_real_ones():
    try:
        found = announcements()
    except UsageError as error:
        pytest.skip(str(error))
    texts = {file.stem: text for file, text in found}
    assert len(found) == COUNT
    assert texts["vm-goodbye"] == "Goodbye"
    assert texts["dollar"] == "dollar"
    assert "beep" not in texts


COUNT = 553
