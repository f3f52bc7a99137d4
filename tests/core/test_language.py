"""Which language people are spoken to in, and how a sentence is found in the catalogue."""

import pytest

from cartograd.apps.cli import output
from cartograd.core import language
from cartograd.core.catalogue import DEEPEST, MOST_PIECES, REMEMBERED, Catalogue
from cartograd.core.errors import UsageError
from cartograd.core.po_file import read

SOME = Catalogue(
    {
        "{path} is missing": "缺少 {path}",
        "{path} is a folder; expected a file": "{path} 是文件夹；需要一个文件",
        "unknown {what} {word}; {advice}{it}": "未知的{what} {word}；{advice}{it}",
        "unknown thing {word}; {advice}": "",
        "did you mean {near}?": "是不是 {near}？",
        "expected one of: {shown}": "应为其中之一：{shown}",
        "model": "模型",
        "{low} to {high}": "{low} 至 {high}",
        "{n} example{s}": "{n} 个样本",
        "{name} has {name} within": "{name} 之内有 {name}",
        "{{}} of {what}": "{what} 的 {{}}",
        "row {y} column {x}": "第 {y} 行第 {x} 列",
        "epoch {at}/{of}  {figures}": "第 {at}/{of} 轮  {figures}",
        "{a} of {b} and {c} of {d} were asked of {e}": "{a}{b}{c}{d}{e}",
    }
)


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("model", "模型"),
        ("  model\n", "  模型\n"),
        ("a.csv is missing", "缺少 a.csv"),
        ("unknown model 'x'; did you mean 'mlp'?", "未知的模型 'x'；是不是 'mlp'？"),
        ("unknown model 'x'; expected one of: a, b", "未知的模型 'x'；应为其中之一：a, b"),
        ("unknown thing 'x'; did you mean 'mlp'?", None),  # its own template has no Chinese yet
        ("0.5 % to 1.2 %", "0.5 % 至 1.2 %"),
        ("go on from here to the end", None),  # too little of it is known
        ("3 examples", "3 个样本"),
        ("3 examples; a.csv is missing", "3 个样本；缺少 a.csv"),
        ("3 examples (model)", "3 个样本（模型）"),
        ("3 examples; nobody knows this one", None),
        ("x has x within", "x 之内有 x"),
        ("x has y within", None),
        ("{} of model", "模型的 {}"),
        ("3 examples\nmodel\n7", "3 个样本\n模型\n7"),
        ("row 4 column 4: 2.5", "第 4 行第 4 列：2.5"),
        ("row 4 column 4: 2.5, row 1 column 2: 1.3", "第 4 行第 4 列：2.5，第 1 行第 2 列：1.3"),
        ("nll: did you mean 'x'?", "nll：是不是 'x'？"),
        ("epoch 1/2  train/loss 1.1  lr 0.1  0.4 s", "第 1/2 轮  train/loss 1.1  lr 0.1  0.4 s"),
        ("0.25", None),
        ("", None),
    ],
)
def test_a_sentence_is_found_by_its_template(english, chinese):
    assert SOME.translated(english) == (english if chinese is None else chinese)


@pytest.mark.parametrize(
    "text",
    ["a of b and " * 300, ", ".join(["1 to x; go: on (a is missing)"] * 40), "to " * 5000],
)
def test_a_long_text_costs_little(text):
    """Of what people wrote, each piece is looked up once, and only so many are."""
    catalogue = Catalogue(SOME.entries)
    found = catalogue._found(text, DEEPEST)
    assert len(catalogue.spent) <= MOST_PIECES
    assert found is None or len(found) <= len(text)


def test_a_server_remembers_only_so_much():
    catalogue = Catalogue(SOME.entries)
    for number in range(REMEMBERED + 1):
        catalogue.translated(f"{number}")
    assert len(catalogue.known) == 1
    assert not catalogue.tried


def test_a_file_is_read_with_its_escapes(tmp_path):
    path = tmp_path / "a.po"
    path.write_text(
        'msgid ""\nmsgstr ""\n"Language: zh_CN\\n"\n\n'
        '#: a.py\nmsgid "a \\"b\\"\\n"\nmsgstr ""\n"甲"\n"乙"\n',
        encoding="utf-8",
    )
    assert list(read(path)) == [('a "b"\n', "甲乙", ["#: a.py"])]
    path.write_text("msgid a\nsomething else\n", encoding="utf-8")
    with pytest.raises(UsageError, match="line 2"):
        list(read(path))


def test_python_hears_english_until_it_asks():
    assert language.said("unknown") == "unknown"
    try:
        language.language("zh")
        assert language.chinese()
        with pytest.raises(UsageError, match="expected one of: en, zh, auto"):
            language.language("fr")
        with language.speaking("en"):
            assert not language.chinese()
        assert language.chinese()
    finally:
        language.language("en")


@pytest.mark.parametrize(
    ("encoding", "able"),
    [("utf-8", True), ("gb18030", True), (None, True), ("ascii", False), ("no such", False)],
)
def test_a_stream_shows_chinese_or_not(encoding, able):
    assert language.shows_chinese(encoding) is able


def test_the_names_of_classes_are_shown_as_they_are(capsys):
    with language.speaking("zh"):
        output.table(("label", "label 2", "state"), [("yes", "no", "model")])
    shown = capsys.readouterr().out
    assert "yes" in shown
    assert "no" in shown
    assert "模型" in shown
