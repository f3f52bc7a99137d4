"""The READMEs say the same in both languages, and what they show is what comes out."""

import re
from itertools import pairwise

import pytest

from tools.readme import READMES, differences, outcomes, stable, steps

ENGLISH, CHINESE = (path.read_text(encoding="utf-8") for path in READMES)


def without_code(text):
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def levels(text):
    return re.findall(r"^#+(?= )", without_code(text), re.MULTILINE)


def test_the_same_headings():
    assert levels(ENGLISH) == levels(CHINESE)
    assert len(levels(ENGLISH)) >= 7


def test_the_same_code():
    fences = [re.findall(r"```.*?```", text, re.DOTALL) for text in (ENGLISH, CHINESE)]
    assert fences[0] == fences[1]


def test_as_many_paragraphs_points_and_pictures():
    for mark in (r"^- ", r"^!\[", r"\n\n"):
        counts = [len(re.findall(mark, without_code(text), re.M)) for text in (ENGLISH, CHINESE)]
        assert counts[0] == counts[1], mark


def test_chinese_is_chinese():
    lines = [line for line in without_code(CHINESE).splitlines()[2:] if len(line) > 40]
    assert all(re.search(r"[\u4e00-\u9fff]", line) for line in lines)


def test_comparison_ignores_numbers_only():
    assert stable("accuracy  97.2 %\n ───────") == stable("accuracy 95 %\n ────────────")
    assert stable("accuracy 1") != stable("precision 1")


def test_every_verb_is_shown():
    shown = ENGLISH.replace("cg.", "cartograd ")
    for verb in ("train", "evaluate", "predict", "explain", "attack", "export", "serve"):
        assert f"cartograd {verb}" in shown


@pytest.mark.journey
def test_what_it_shows_is_what_comes_out():
    assert len(list(steps(ENGLISH))) >= 8
    seen = 0
    for step, output in outcomes(ENGLISH):
        assert not differences(step, output), f"{step.code}\n{output}"
        seen += 1
        if step.kind == "console":
            assert step.output.strip(), f"{step.code} shows no output"
    assert seen >= 10


def test_blocks_are_marked_or_cannot_run():
    """A block without the mark names a server, sets up, or fetches."""
    for before, block in pairwise(re.split(r"(```\w+\n.*?```)", ENGLISH, flags=re.DOTALL)):
        if block.startswith("```") and not before.endswith("<!-- run -->\n"):
            assert any(word in block for word in ("make tour", "serve", "data get"))
