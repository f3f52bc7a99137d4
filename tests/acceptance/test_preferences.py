"""The row on preferences: its pairs, its rewards, and when a seed shows what is asked."""

import json

import pytest

from acceptance import judged_answers, mentions
from acceptance.judged_answers import Answers, Pairs, write_files
from acceptance.preferences import reached

WORDS = [(f"word{i}", "thing " * (2 + i % 8) + "it") for i in range(600)]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr("cartograd.data.store.packages.where", lambda name: tmp_path)
    monkeypatch.setattr(judged_answers, "definitions", lambda folder: WORDS)
    write_files(tmp_path, 3)
    return tmp_path


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def words(path):
    return {mentions.word_of(row["prompt"][1]["content"]) for row in rows(path)}


def answer(row, side):
    return row[side][0]["content"]


def test_no_word_or_empty_answer_of_held_out_pairs_is_learned_from(files) -> None:
    liked, held, asked = (files / f"{name}-3.jsonl" for name in ("liked", "held", "asked"))
    assert len(words(liked)) == judged_answers.LEARNED
    assert not words(liked) & words(held)
    assert not words(asked) & words(held)
    assert not words(asked) & set(json.loads((files / "others-3.json").read_text()))
    empty = [{answer(row, "rejected") for row in rows(path)} for path in (liked, held)]
    assert not empty[0] & empty[1]


def test_answers_of_a_pair_are_as_long_as_each_other(files) -> None:
    for row in rows(files / "liked-3.jsonl"):
        long, short = (len(answer(row, side)) for side in ("chosen", "rejected"))
        assert abs(long - short) <= judged_answers.ALIKE * short


def test_only_learning_held_and_hacked_together_are_enough() -> None:
    pairs = Pairs(0.1, 0.5, 0.5), Pairs(1.0, 1.0, 0.5)
    answers = (
        Answers(1.0, 0.6, 0.0, 0.0, ""), Answers(2.0, 0.7, 3.0, 1.0, ""),
        Answers(8.0, 0.0, 30.0, 3.0, ""),
    )  # fmt: skip
    assert reached(pairs, answers)
    plain, held, free = answers
    assert not reached((pairs[0], pairs[0]), answers)
    assert not reached(pairs, (plain, held._replace(apart=20.0), free))
    assert not reached(pairs, (plain, held, free._replace(good=0.6)))
    assert not reached(pairs, (plain, plain, free))
