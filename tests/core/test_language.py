"""Which language people are spoken to in, and how a sentence is found in the catalogue."""

import pytest

from cartograd.core import language
from cartograd.core.catalogue import Catalogue, read
from cartograd.core.errors import UsageError

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
        ("a has a within", "a 之内有 a"),
        ("a has b within", None),
        ("{} of model", "模型的 {}"),
        ("3 examples\nmodel\n7", "3 个样本\n模型\n7"),
        ("0.25", None),
        ("", None),
    ],
)
def test_a_sentence_is_found_by_its_template(english, chinese):
    assert SOME.translated(english) == (english if chinese is None else chinese)


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
