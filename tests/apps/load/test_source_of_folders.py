"""Folders for a model that is there: read as its own were, by the names of its classes."""

import numpy as np
import pytest
from PIL import Image

from cartograd.apps.load.source import dataset, examples_for
from cartograd.core.errors import UsageError


def draw(root, name, count, *, size=(12, 8), deep=False):
    for i in range(count):
        path = root / name / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        values = np.random.default_rng(i).integers(0, 1024 if deep else 256, size[::-1])
        Image.fromarray(values.astype(np.uint16 if deep else np.uint8)).save(path)


@pytest.fixture
def model(tmp_path):
    for name in "abc":
        draw(tmp_path / "old", name, 20, deep=True)
    return dataset(f"folder:{tmp_path / 'old'},size=8,fit=pad").signature


@pytest.mark.parametrize("part", ["test", "all"])
def test_some_of_the_classes_will_do_and_pictures_are_read_alike(model, tmp_path, part):
    draw(tmp_path / "new", "b", 20, deep=True)
    found = examples_for(model, f"folder:{tmp_path / 'new'}", part)
    assert set(found.targets.tolist()) == {1}
    assert found.signature.output == model.output
    assert (found.signature.input.fit, found.signature.input.bits) == ("pad", 10)
    assert len(found) == {"test": 4, "all": 20}[part]
    own = dataset(f"folder:{tmp_path / 'old'},size=8,fit=pad").train
    row = next(i for i in range(len(own)) if own.name(i).startswith("b/"))
    same = [i for i in range(len(found)) if found.name(i) == own.name(row)]
    assert all((found.inputs[i] == own.inputs[row]).all() for i in same)
    assert same or part == "test"


def test_a_handful_is_measured_whole_and_an_unknown_class_is_named(model, tmp_path):
    draw(tmp_path / "few", "c", 3)
    assert len(examples_for(model, f"folder:{tmp_path / 'few'}", "all")) == 3
    draw(tmp_path / "few", "disc", 3)
    with pytest.raises(UsageError, match="the class 'disc' is none of those known, a, b, c"):
        examples_for(model, f"folder:{tmp_path / 'few'}", "all")
