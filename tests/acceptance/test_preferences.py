"""The row on preferences: its pairs, and when a seed shows what is asked."""

import json

import pytest

from acceptance import judged_answers
from acceptance.judged_answers import Pairs, write_files
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
    return {row["prompt"][1]["content"] for row in rows(path)}


def answer(row, side):
    return row[side][0]["content"]


def test_no_word_or_empty_answer_of_held_out_pairs_is_learned_from(files) -> None:
    liked, held = (files / f"{name}-3.jsonl" for name in ("liked", "held"))
    assert len(words(liked)) == judged_answers.LEARNED
    assert not words(liked) & words(held)
    empty = [{answer(row, "rejected") for row in rows(path)} for path in (liked, held)]
    assert not empty[0] & empty[1]


def test_answers_of_a_pair_are_as_long_as_each_other(files) -> None:
    for row in rows(files / "liked-3.jsonl"):
        long, short = (len(answer(row, side)) for side in ("chosen", "rejected"))
        assert abs(long - short) <= judged_answers.ALIKE * short


def test_both_gains_are_asked_for() -> None:
    before, after = Pairs(0.1, 0.5, 0.5), Pairs(0.6, 1.0, 0.5)
    assert reached(before, after)
    assert not reached(before, before)
    assert not reached(before, after._replace(raised=0.8))
