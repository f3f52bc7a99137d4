"""The row on a reward model: its pairs, and when a seed shows what is asked."""

import json

import pytest

from acceptance import judged_answers
from acceptance.judged_answers import write_judged
from acceptance.judges import JUDGED, Judged, reached

WORDS = [(f"word{i}", f"{'thing ' * (2 + i % 8)}{i:04}") for i in range(1500)]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr("cartograd.data.store.packages.where", lambda name: tmp_path)
    monkeypatch.setattr(judged_answers, "definitions", lambda folder: WORDS)
    write_judged(tmp_path, 3)
    return tmp_path


def rows(path):
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        (row["prompt"][1]["content"], row["chosen"][0]["content"], row["rejected"][0]["content"])
        for row in found
    ]


def test_no_word_or_answer_is_in_two_files(files) -> None:
    known, *held = (rows(files / f"{name}-3.jsonl") for name in ("judged", "empty", "other"))
    assert len(known) == judged_answers.LEARNED + judged_answers.OTHERS
    assert [len(one) for one in held] == [JUDGED, JUDGED]
    for side in range(3):
        every = [{row[side] for row in part} for part in (known, *held)]
        assert not every[0] & every[1]
        assert not every[0] & every[2]


def test_a_wrong_explanation_is_that_of_another_word_and_as_long(files) -> None:
    own = {f"What does {word} mean?": f"{gloss[:1].upper()}{gloss[1:]}." for word, gloss in WORDS}
    for asked, better, worse in rows(files / "other-3.jsonl"):
        assert own[asked] == better != worse
        assert worse in own.values()
        assert abs(len(better) - len(worse)) <= judged_answers.ALIKE * len(better)


@pytest.mark.parametrize(
    ("right", "likelier", "longer", "shown"),
    [
        ([50, 35], [25, 40], [20, 25], True),
        ([50, 20], [20, 20], [20, 25], False),  # too few
        ([50, 35], [45, 38], [20, 25], False),  # no better than its own likelihood
        ([50, 35], [20, 20], [50, 28], False),  # no better than the longer answer
    ],
)
def test_a_judge_is_better_than_what_was_there_before(right, likelier, longer, shown) -> None:
    assert reached(Judged(right, likelier, longer)) is shown
