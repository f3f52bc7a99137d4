"""What people are told in Chinese is Chinese: no English sentence is left in what the verbs say."""

import re
from html import unescape

import numpy as np
import pytest

from cartograd.core.catalogue import Catalogue
from cartograd.core.language import keep, said, speaking

NAMES = re.compile(
    r"yes or no|no or yes|`[^`]*`|'[^']*'|\"[^\"]*\"|“[^”]*”|https?:\S+|\S*[/=\[\]|_]\S*|--\S+"
    r"|cartograd(?: [\w./:-]+)*"
)
"""What is no sentence: classes of the table, code, what is quoted, paths, settings, commands."""
SENTENCE = re.compile(r"(?<![\w.-])[a-z]{2,}(?:,? [a-z]{2,}){2,}(?![\w-])")
"""Three English words in a row."""


def english(text):
    """The runs of English words of a text in which names do not count."""
    return [
        found[0] for line in text.splitlines() for found in SENTENCE.finditer(NAMES.sub(";", line))
    ]


def rows(folder):
    random = np.random.default_rng(0)
    ages, scores = random.integers(18, 80, 90), random.integers(0, 100, 90)
    answers = np.where(ages + scores / 4 + random.integers(0, 30, 90) > 70, "yes", "no")
    lines = [
        f"{age},{('Bonn', 'Lima')[i % 2]},{score if i % 11 else -999},{answer}"
        for i, (age, score, answer) in enumerate(zip(ages, scores, answers, strict=True))
    ]
    for name, some in (("people.csv", lines), ("few.csv", lines[:3])):
        (folder / name).write_text("\n".join(["age,town,score,left", *some]) + "\n")


COMMANDS = (
    "data check people.csv --target left --out card.html",
    "train mlp:widths=[4] --data people.csv --target left --epochs 2 --folder runs/a",
    "train mlp:widths=[4] --data people.csv --target score --epochs 1 --folder runs/b",
    "train mlp:widths=[4] --data people.csv --target left --epochs 1 --folder runs/c --json",
    "evaluate runs/a",
    "evaluate runs/b",
    "predict runs/a few.csv",
    "explain runs/a few.csv",
    "attack runs/a --method pgd:eps=0.1,steps=1",
    "diagnose runs/a",
    "runs list",
    "runs show runs/a",
    "runs compare runs/a runs/c",
    "compress runs/a --steps quantize:bits=8",
    "list optimizer",
    "data list",
    "learn",
    "learn 1.3",
    "show metric/roc-auc",
    "version",
    "",
)


@pytest.mark.untyped
def test_no_english_sentence_is_left(cli_run, tmp_path, monkeypatch):
    """By kind, not by list: of a dozen verbs on a small table, and of the pages they write."""
    monkeypatch.setenv("CARTOGRAD_CACHE", str(tmp_path / "cache"))
    rows(tmp_path)
    left = {}
    for command in COMMANDS:
        done = cli_run(*command.split(), "--lang", "zh")
        assert done.code in (0, 1), (command, done.err)
        found = english(done.err if "--json" in command else done.out + done.err)
        if found:
            left[command] = found
    for page in sorted(tmp_path.rglob("*.html")):
        text = re.sub(r"<(style|script|code|pre)\b.*?</\1>", "", page.read_text(), flags=re.DOTALL)
        found = english(unescape(re.sub(r"<[^>]*>", "\n", text)))
        if found:
            left[page.name] = found
    assert left == {}


def test_what_a_method_says_of_itself_is_told_to_be_english(cli_run):
    out = cli_run("show", "pgd", "--lang", "zh").out
    head, _, rest = out.partition("（以下是它的文件里的英文原文）")
    assert "PGD：沿损失上升走许多小步" in head
    assert "many small steps up the loss" in rest
    assert "一个小的正数：攻击所用的球的半径" in rest  # of the vocabulary


def test_a_mistake_tells_what_its_word_means_in_chinese(cli_run):
    done = cli_run("show", "schedule", "cosine", "--steps", "0", "--lang", "zh")
    assert done.code == 2
    assert "迭代多少次" in done.err
    assert english(done.err) == []


def test_a_sentence_beside_a_quick_model_keeps_its_order():
    with speaking("zh"):
        told = said("no better than logistic regression on pixels (0.0 points, -9.8 to 9.8)")
    assert told == "并不优于像素上的逻辑回归（0.0 个百分点，-9.8 至 9.8）"


def test_names_of_the_users_own_are_no_words_of_ours():
    with speaking("zh"):
        assert said("yes") == "是"
        keep(["yes"])
        assert said("yes") == "yes"
        assert said("3 classes (yes 1, no 2)") == "3 个类别（yes 1, no 2）"
    with speaking("zh"):
        assert said("yes") == "是"


SOME = Catalogue(
    {
        "{name} is to be predicted, by its name": "要预测的是 {name}，按名称",
        "{n} examples": "{n} 个样本",
        "{name} {share} % ({of} operations a byte)": "{name} {share} %（每字节 {of} 次运算）",
        "{words} were never seen in training": "{words} 训练中从未见过",
        "more": "更多",
    }
)


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("csv: age is to be predicted, by its name", "csv：要预测的是 age，按名称"),
        ("a line\ncsv: age is to be predicted, by its name", "a line\ncsv：要预测的是 age，按名称"),
        ("what nobody knows of the words were never seen in training", None),
        ("one 3 % (1 operations a byte), two 4 % (2 operations a byte)",
         "one 3 %（每字节 1 次运算），two 4 %（每字节 2 次运算）"),
        ("text-folder: 3 examples", "text-folder：3 个样本"),
        ("- more", "- 更多"),
        ("3\u00a0examples", "3 个样本"),
    ],
)  # fmt: skip
def test_a_sentence_swallows_no_other(english, chinese):
    assert SOME.translated(english) == (chinese or english)
