"""Search in a folder: scores by hand, and what is read and left out."""

import math
import os

import pytest

from cartograd.apps.tools.passages import LARGEST, Passages, parts, search_of, words
from cartograd.core.errors import UsageError


@pytest.fixture
def folder(tmp_path):
    home = tmp_path / "home"
    (home / "in").mkdir(parents=True)
    (home / "cats.txt").write_text("cats chase mice\n")
    (home / "in" / "dogs.md").write_text("dogs chase cats and cats\n")
    (home / "zh.txt").write_text("反向传播计算梯度\n")
    (home / "p.png").write_bytes(b"\x89PNG")
    (home / "bad.txt").write_bytes(b"\xff\xfe\xff")
    (home / "big.txt").write_text("x" * (LARGEST + 1))
    (tmp_path / "secret.txt").write_text("the secret of cats")
    os.symlink(tmp_path / "secret.txt", home / "link.txt")
    return home


def test_scores_are_those_of_the_formula(folder):
    inside = Passages(folder)
    assert [one.file for one in inside.all] == ["cats.txt", "in/dogs.md", "zh.txt"]
    lengths, mean = [3, 5, 7], 5
    idf = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    right = [
        idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * length / mean))
        for tf, length in ((1, lengths[0]), (2, lengths[1]))
    ]
    found = inside.found("Cats?")
    assert [one.file for _, one in found] == ["in/dogs.md", "cats.txt"]
    assert [score for score, _ in found] == pytest.approx([right[1], right[0]])
    assert inside.found("梯度")[0][1].file == "zh.txt"
    assert not inside.found("elephants")


def test_what_is_left_out_is_counted_and_nothing_leaves_the_folder(folder):
    inside = Passages(folder)
    assert dict(inside.left_out) == {
        "no text by its name": 1, "no UTF-8, or not readable": 1, "too large": 1,
        "outside of the folder": 1,
    }  # fmt: skip
    tool = search_of(folder)
    assert "secret" not in tool.answer({"query": "the secret"})
    assert tool.answer({"query": "mice"}).startswith("[cats.txt:1]\ncats chase mice")
    assert tool.answer({"query": "../secret.txt", "x": 1}).startswith("error: ")


def test_passages_keep_every_line():
    text = "\n".join(["a b c d e f g"] * 40 + ["", "end"])
    found = parts(text)
    assert len(found) > 1
    assert [word for _, part in found for word in words(part)] == words(text)
    lines = text.splitlines()
    assert all(part.splitlines()[0] == lines[line - 1] for line, part in found)


def test_a_folder_without_texts(tmp_path):
    with pytest.raises(UsageError, match="has no texts"):
        Passages(tmp_path)
    with pytest.raises(UsageError, match="there is no folder"):
        Passages(tmp_path / "none")
