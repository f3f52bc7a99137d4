"""The READMEs say the same in both languages, and what they show is what comes out."""

import re
import sys
from itertools import pairwise

import pytest

from tests.programs import Program
from tools import readme
from tools.messages import FAULTS
from tools.readme import GUIDES, READMES, stable, steps
from tools.source import ROOT

ENGLISH, CHINESE = (path.read_text(encoding="utf-8") for path in READMES)


def readme_of(folder):
    """The comparison for another README, with nothing imported before."""
    readme.WARM, readme.READMES, readme.GUIDES = (), (folder / "README.md",), ()
    sys.exit(readme.main())


def compare():
    sys.exit(readme.main())


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


def test_it_opens_with_two_commands_and_is_short():
    first = re.search(r"```console\n(.*?)```", ENGLISH, re.DOTALL)[1]
    assert re.findall(r"^\$ (make \w+)", first, re.MULTILINE) == ["make tour", "make test"]
    assert len(ENGLISH.splitlines()) <= 250


PAIRS = sorted((ROOT / "docs/guides").glob("*.zh.md"))


@pytest.mark.parametrize("chinese", PAIRS, ids=lambda page: page.name)
def test_a_guide_in_both_languages_says_the_same(chinese):
    english = chinese.with_name(chinese.name.replace(".zh.md", ".md"))
    texts = [page.read_text(encoding="utf-8") for page in (english, chinese)]
    fences = [re.findall(r"```.*?```", text, re.DOTALL) for text in texts]
    assert fences[0] == fences[1]
    assert levels(texts[0]) == levels(texts[1])
    for mark in (r"^- ", r"\n\n"):
        counts = [len(re.findall(mark, without_code(text), re.M)) for text in texts]
        assert counts[0] == counts[1], mark
    assert f"]({chinese.name})" in texts[0]


def test_pages_that_are_run_are_in_both_languages():
    assert {page.with_suffix(".zh.md") for page in GUIDES} <= {*PAIRS}
    for page in (ROOT / "docs/guides").glob("*.md"):
        if page.suffixes == [".md"] and "<!-- run -->" in page.read_text(encoding="utf-8"):
            assert page in GUIDES


def test_as_many_paragraphs_points_and_pictures():
    for mark in (r"^- ", r"^!\[", r"\n\n"):
        counts = [len(re.findall(mark, without_code(text), re.M)) for text in (ENGLISH, CHINESE)]
        assert counts[0] == counts[1], mark


def test_chinese_is_chinese():
    lines = [line for line in without_code(CHINESE).splitlines()[2:] if len(line) > 40]
    assert all(re.search(r"[\u4e00-\u9fff]", line) for line in lines)


CHINESE_PAGES = [READMES[1], *PAIRS]


@pytest.mark.parametrize("page", CHINESE_PAGES, ids=lambda page: page.name)
def test_a_chinese_page_is_written_as_chinese_is(page):
    """Punctuation is full-width, a space stands beside Latin letters; its links are Chinese, too.

    Bold that ends in punctuation is followed by a space, or Markdown does not see its end.
    """
    text = page.read_text(encoding="utf-8")
    plain = re.sub(r"`[^`\n]+`", "`x`", without_code(text))
    plain = re.sub(r"\]\([^)\s]*\)", "]", re.sub(r"\*\*(.*?)\*\* ?", r"\1", plain))
    wrong = [
        (what, line[max(found.start() - 9, 0) : found.end() + 9])
        for line in plain.splitlines()
        for pattern, what in FAULTS
        for found in re.finditer(pattern, line)
    ]
    assert not wrong
    for target in re.findall(r"(?<!\[English)\]\(([^)#\s:]+\.md)[^)]*\)", text):
        chinese = page.parent / target.replace(".md", ".zh.md")
        assert target.endswith(".zh.md") or not chinese.exists(), target


def test_comparison_ignores_numbers_only():
    assert stable("accuracy  97.2 %\n ───────") == stable("accuracy 95 %\n ────────────")
    assert stable("accuracy 1") != stable("precision 1")


def test_every_verb_is_shown():
    shown = ENGLISH.replace("cg.", "cartograd ")
    for verb in ("train", "evaluate", "predict", "explain", "attack", "export", "serve"):
        assert f"cartograd {verb}" in shown


@pytest.mark.journey
@pytest.mark.yardstick
def test_what_it_shows_is_what_comes_out():
    """In a process of its own, from which one is forked for each step: they share the imports."""
    program = Program(compare, cwd=ROOT)
    out, err = program.communicate()
    assert program.returncode == 0, out + err
    count = sum(len(block) for block in steps(readme.shown()))
    assert out == f"{count} steps, 0 differences\n"
    assert count >= 20
    assert len(list(steps(ENGLISH))) >= 5


def test_a_step_that_shows_something_else_or_fails_is_told(tmp_path):
    for code, shown, told in (
        ("cartograd version", "cartograd 0.0.0\nand more\n", "    and more\n"),
        ("cartograd version", "", "it shows no output"),
        ("cartograd train resnt --data digits  # exits with 2", "cartograd: unk", "cartograd: unk"),
        ("cartograd train resnt --data digits", "...", "returned non-zero exit status 2"),
        ("cartograd list | head", "...", "expected one cartograd command"),
    ):
        (tmp_path / "README.md").write_text(f"<!-- run -->\n```console\n$ {code}\n{shown}```\n")
        program = Program(readme_of, tmp_path, cwd=ROOT)
        out, err = program.communicate()
        assert program.returncode == 1
        assert told in out + err


def test_blocks_are_marked_or_cannot_run():
    """A block without the mark names a server, sets up, fetches, or takes minutes on purpose."""
    for before, block in pairwise(re.split(r"(```\w+\n.*?```)", ENGLISH, flags=re.DOTALL)):
        if block.startswith("```") and not before.endswith("<!-- run -->\n"):
            assert any(word in block for word in ("make tour", "serve", "data get", "--minutes"))
