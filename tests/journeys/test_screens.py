"""Screens and readers of another kind: narrow ones, other encodings, a reader that goes."""

import io
import os
import re
import sys

import pytest

from cartograd.apps.cli import main, output
from cartograd.apps.cli.output import columns_of

pytestmark = pytest.mark.journey

COLOURS = re.compile(r"\x1b\[[\d;]*m")


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self):
        return True


@pytest.fixture
def narrow(monkeypatch, tmp_path):
    """A command line at a terminal of so many columns; its lines."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERM", "xterm")  # a dumb one has 80 columns

    def run(*words, columns=40):
        monkeypatch.setenv("COLUMNS", str(columns))
        screen = Screen()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", screen)
            assert main(list(words)) == 0
        return COLOURS.sub("", screen.getvalue()).splitlines()

    return run


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("words", [("list", "average"), ("list", "optimizer"), ("learn",)])
def test_a_narrow_screen_has_each_row_below_the_other(narrow, words, lang):
    lines = narrow(*words, "--lang", lang)
    table = [line for line in lines if "cartograd" not in line]
    assert len(table) > 3
    assert max(map(columns_of, table)) <= 40


def test_words_stay_whole_on_a_narrow_screen(narrow):
    lines = narrow("list", "average")
    assert lines[0] == "ema"
    assert "  title   Exponential moving average of" in lines
    wide = narrow("list", "average", columns=100)
    assert wide[0].split() == ["name", "kind", "title", "year", "presets", "proofs"]


def test_chinese_may_be_broken_anywhere(narrow, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", screen := Screen())
    output.table(("what", "found"), [("泄漏", "一列单独就能给出答案" * 4)])
    text = COLOURS.sub("", screen.getvalue())
    assert text.split()[:2] == ["what", "found"]
    assert max(map(columns_of, text.splitlines())) <= 40


ENCODINGS = ("ascii", "gb18030", "latin-1", "cp1252", "utf-8")


@pytest.mark.parametrize("lang", ["en", "zh", "auto"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_any_encoding_has_something_to_show(monkeypatch, tmp_path, encoding, lang):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "zh_CN.GB18030")
    raw = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
    told = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", raw)
        patch.setattr(sys, "stderr", told)
        for words, code in (((), 0), (("list", "average"), 0), (("show", "ema"), 0),
                            (("show", "卷积积积"), 2), (("learn", "003"), 0)):  # fmt: skip
            assert main([*words, "--lang", lang] if words else []) == code
    raw.flush()
    text = raw.buffer.getvalue().decode(encoding)
    assert "cartograd" in text
    assert "ema" in text
    if lang != "en":
        assert ("类别" in text) == (encoding in ("gb18030", "utf-8"))


CLOSED = [
    ("list",), ("list", "--json"), ("show", "mlp"), ("runs", "list"), ("claim",), ("learn",),
    ("coverage",), ("data", "list"), ("--help",), ("train", "--help"), (),
]  # fmt: skip


@pytest.mark.parametrize("words", CLOSED, ids=" ".join)
def test_a_reader_that_goes_is_no_error(monkeypatch, tmp_path, words, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    ours, theirs = os.pipe()
    os.close(ours)
    with open(theirs, "w", encoding="utf-8") as pipe, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", pipe)
        assert main(list(words)) == 0
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("lang", ["fr", "ZH", "zh_CN", "zh-CN", "en_US.UTF-8", "中文", " "])
def test_a_language_that_is_none_is_one_line(monkeypatch, capsys, lang):
    assert main(["list", "--lang", lang]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("cartograd: unknown language ")
    assert said.err.endswith("xpected one of: en, zh, auto\n")
    assert said.err.count("\n") == 1
