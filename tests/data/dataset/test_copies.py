"""Copies of a file under other names are in one split, whatever the folder holds."""

import shutil
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cartograd as cg
from cartograd.data.dataset.copies import split_keys

COUNT = 30


def pictures(root, rng):
    for name in (f"{kind}/{i}.png" for kind in ("cat", "dog") for i in range(COUNT)):
        (root / name).parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (6, 6), np.uint8)).save(root / name)
    return "folder", sorted(root.rglob("*.png"))


def sounds(root, rng):
    for name in (f"{kind}/{i}.wav" for kind in ("hiss", "hum") for i in range(COUNT)):
        (root / name).parent.mkdir(exist_ok=True)
        with wave.open(str(root / name), "wb") as file:
            file.setparams((1, 2, 8000, 80, "NONE", ""))
            file.writeframes(rng.integers(-9999, 9999, 80, np.int16).tobytes())
    return "wav", sorted(root.rglob("*.wav"))


def masks(root, rng):
    for i in range(COUNT):
        Image.fromarray(rng.integers(0, 256, (6, 6), np.uint8)).save(root / f"{i}.png")
        Image.fromarray(rng.integers(0, 2, (6, 6), np.uint8)).save(root / f"{i}_mask.png")
    return "masks", sorted(root.glob("*.png"))


@pytest.mark.place("data/prepare")
@pytest.mark.parametrize("write", [pictures, sounds, masks])
def test_no_copy_of_a_file_under_another_name_is_held_back(write, tmp_path):
    kind, files = write(tmp_path, np.random.default_rng(3))
    for file in files:
        shutil.copy(file, file.with_name(f"again-{file.name}"))
    data = cg.dataset(f"{kind}:{tmp_path}")
    held = [
        {Path(name).stem.removeprefix("again-") + str(Path(name).parent) for name in part.names}
        for part in (data.train, data.valid, data.test)
    ]
    sizes = [len(part) for part in (data.train, data.valid, data.test)]
    assert sizes == [2 * len(part) for part in held]
    assert sum(map(len, held)) == len(set.union(*held))


def test_a_copy_that_comes_later_moves_nothing(tmp_path):
    files = [tmp_path / f"{i}.txt" for i in range(4)]
    for file, said in zip(files, ("same", "diff", "same", "longer"), strict=True):
        file.write_text(said)
    names = [file.name for file in files]
    assert split_keys(names, files) == ["0.txt", "1.txt", "0.txt", "3.txt"]
    assert split_keys(names[:2], files[:2]) == names[:2]
