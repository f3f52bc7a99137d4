"""Drift that no single fact shows: a classifier tells the parts apart, or nothing is said."""

import numpy as np
import pytest
import torch

import cartograd as cg
from cartograd.apps.check.looked import look
from cartograd.apps.check.told_apart import told_apart
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Split


def texts(path, later):
    """Letters about two things, of one length; the test part by the given words."""
    draw = np.random.default_rng(0)
    rows = ["text,kind,split"]
    for number in range(300):
        part = "train" if number < 160 else "test"
        words = later if part == "test" else ("train", "plane", "hotel", "beach", "guide")
        rows.append(f"{' '.join(draw.choice(words, 6))},{'ab'[number % 2]},{part}")
    path.write_text("\n".join(rows))
    return cg.data_check(path, target="kind")


def test_other_words_of_the_same_length_are_told(tmp_path):
    same = texts(tmp_path / "same.csv", ("train", "plane", "hotel", "beach", "guide"))
    assert not [one for one in same.findings if one.what.startswith("drift")]
    other = texts(tmp_path / "other.csv", ("train", "plane", "bread", "flour", "yeast"))
    (found,) = [one for one in other.findings if one.what.startswith("drift")]
    assert found.what == "drift as a whole"
    assert "a classifier tells texts of training and of test apart: right for" in found.said
    assert "of 140 that it had not seen" in found.said
    assert found.figure > 0.5


def pictures(later):
    """A square that stands left, or in the test part where it is said."""
    draw = torch.Generator().manual_seed(0)
    x = torch.rand(300, 1, 16, 16, generator=draw) * 0.2
    for number in range(300):
        left = number < 150 or later == "left" or (later == "either" and number % 2)
        x[number, 0, 4:12, slice(1, 7) if left else slice(9, 15)] += 0.7
    signature = Signature(
        (Port("image", "image", (1, 16, 16), bounds=(0.0, 1.0)),),
        (Port("kind", "label", (2,), labels=("a", "b")),),
    )
    parts = [
        Split(x[rows], torch.arange(len(x[rows])) % 2, signature)
        for rows in (slice(0, 140), slice(140, 150), slice(150, 300))
    ]
    return Dataset("squares", *parts, signature)


def test_an_object_at_another_place_is_told():
    assert told_apart(look(pictures("left"), most=1000)) == []
    (found,) = told_apart(look(pictures("right"), most=1000))
    assert "tells pictures of training and of test apart: right for 100 %" in found.said
    (half,) = told_apart(look(pictures("either"), most=1000))
    assert 0.2 < half.figure < found.figure == 1


def test_where_nothing_can_be_said_the_reason_is_told():
    with pytest.raises(UsageError, match="only texts and pictures are compared as a whole"):
        told_apart(look(cg.dataset("moons"), most=500))
    few = pictures("left")
    few = Dataset("few", few.train, few.valid, few.test.select(range(30)), few.signature)
    with pytest.raises(UsageError, match="a part has 30 examples, and 60 are the least"):
        told_apart(look(few, most=500))
