"""The command line in Chinese: help, mistakes, tables; and where Chinese cannot be shown."""

import io
import json
import sys

import pytest

from cartograd.apps.report.spoken import spoken
from cartograd.core import screen
from cartograd.core.language import speaking


@pytest.mark.parametrize("words", [("--lang", "zh", "train"), ("train", "--lang=zh")])
def test_help_is_in_chinese_wherever_the_flag_stands(cli_run, words):
    done = cli_run(*words, "--help")
    assert done.code == 0
    for part in ("在数据上训练模型", "位置参数", "--folder", "lora:rank=8", "任何命令"):
        assert part in done.out
    assert "Train a model" not in done.out


def test_every_command_is_told_in_chinese(cli_run):
    text = cli_run("--help", "--lang", "zh").out
    assert "模型的一生" in text
    words = [word for word in text.split() if word.isascii() and word.isalpha() and len(word) > 9]
    assert set(words) <= {"--help", "--version"}


def test_a_mistake_is_one_chinese_line(cli_run):
    done = cli_run("show", "mlpp", "--lang", "zh", "--json")
    assert done.code == 2
    assert done.err.startswith("cartograd: 未知的方法 'mlpp'；是不是 'mlp'？")
    assert json.loads(done.out)["error"]["message"] in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--lang", "fr"), "unknown language 'fr'; expected one of: en, zh, auto"),
        (("--lang",), "--lang needs a name, like --lang zh"),
        (("--lang", "zh", "--lang", "en"), "--lang is given twice; name one language"),
        (("--lang="), "unknown language ''; expected one of: en, zh, auto"),
    ],
)
def test_a_language_that_is_none_is_refused(cli_run, words, said):
    done = cli_run("list", *([words] if isinstance(words, str) else words))
    assert done.code == 2
    assert done.err == f"cartograd: {said}\n"


def test_the_locale_says_the_language_of_tables(cli_run, monkeypatch):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    done = cli_run("list", "average")
    head = done.out.splitlines()[0].split()
    assert head == ["名称", "类别", "标题", "年份", "预设", "证明"]
    assert "ema" in done.out
    assert cli_run("list", "average", "--lang", "en").out.split()[0] == "name"


def test_where_chinese_cannot_be_shown_it_is_english(monkeypatch, capsys):
    plain = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", plain)
        assert screen.spoken(["list", "--lang", "zh"]) == (["list"], "en")
        assert screen.spoken(["list"]) == (["list"], "en")
        print("卷积")  # what is Chinese in itself
    plain.flush()
    assert plain.buffer.getvalue() == b"??\n"
    assert "ascii has no Chinese letters" in capsys.readouterr().err


def test_a_page_is_in_chinese_but_for_code_and_names():
    page = '<html lang="en"><p title="model">model &amp; co</p><code>model</code><p>model</p>'
    assert spoken(page) == page
    with speaking("zh"):
        told = spoken(page)
    assert told.startswith(
        '<html lang="zh-CN"><p title="模型">model &amp; co</p><code>model</code>'
    )
    assert told.endswith("<p>模型</p>")
