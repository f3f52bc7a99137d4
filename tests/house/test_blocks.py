"""Every fenced block of the pages runs, or is read: what it names is there."""

import re

import pytest
from cyclopts.exceptions import MissingArgumentError

from tools.blocks import Block, blocks, inline, pages
from tools.looking_up import SlipError, look_up, look_up_command, somewhere
from tools.readme import GUIDES, READMES
from tools.source import ROOT

PAGES = [path for path in pages(ROOT) if ".zh" not in path.suffixes]
"""A page in Chinese has the blocks of the English one (test_readme.py)."""

TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
BLOCKS = {name: blocks(text) for name, text in TEXTS.items()}
MADE = sorted((ROOT / "docs/results").glob("*.md"))


def test_every_fence_is_found():
    for name, text in TEXTS.items():
        assert 2 * len(BLOCKS[name]) == len(re.findall(r"^\s*```", text, re.MULTILINE)), name
    assert sum(map(len, BLOCKS.values())) > 80


def test_every_block_says_how_it_is_held():
    bare = [
        f"{name}:{block.line}: say run, run: TEST, read: WHY or shown: WHY before it"
        for name, found in BLOCKS.items()
        for block in found
        if block.mark not in ("run", "read", "shown") or (block.mark != "run" and not block.why)
    ]
    assert not bare


def test_what_is_run_is_run():
    """By the walk through the READMEs and their guides, or by a test that names the page."""
    walked = {path.relative_to(ROOT).as_posix() for path in (*GUIDES, READMES[0])}
    for name, found in BLOCKS.items():
        for block in (one for one in found if one.mark == "run"):
            if block.why:
                test = (ROOT / block.why).read_text(encoding="utf-8")
                assert name.rpartition("/")[2].removesuffix(".md") in test, name
            else:
                assert name in walked, name


@pytest.mark.parametrize("name", [name for name, found in BLOCKS.items() if found])
def test_what_is_not_run_names_what_is_there(name):
    for block in BLOCKS[name]:
        if block.mark == "read":
            try:
                look_up(block)
            except Exception as error:
                raise AssertionError(f"{name}:{block.line}: {error}") from error


def test_commands_within_sentences_name_what_is_there():
    """A sentence may leave out what a verb is for; the changelog has commands of its time."""
    slips = []
    for name, text in TEXTS.items():
        for command in inline(text) if name != "CHANGELOG.md" else ():
            try:
                with somewhere():
                    look_up_command(command)
            except MissingArgumentError:
                continue
            except Exception as error:
                slips.append(f"{name}: `{command}`: {error}")
    assert not slips


@pytest.mark.parametrize("page", MADE, ids=lambda page: page.name)
def test_commands_of_the_results_name_what_is_there(page):
    with somewhere():
        for block in blocks(page.read_text(encoding="utf-8")):
            for command in block.commands():
                if command.startswith(("cartograd ", "python -m acceptance ")):
                    look_up_command(command)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("console", "$ cartograd trian lenet5 --data digits"),
        ("console", "$ cartograd train lenet5 --data digts"),
        ("console", "$ cartograd train lenet5 --data digits --epoch 3"),
        ("console", "$ cartograd train lenet5:activaton=relu --data digits"),
        ("console", "$ cartograd train lenet5 --data digits --set batchsize=3"),
        ("console", "$ cartograd attack RUN --method pdg"),
        ("console", "$ cartograd evaluate runs/x-1 --metrics acuracy"),
        ("console", "$ cartograd-runtime chekc model"),
        ("console", "$ curl -d '{}' localhost:8000/genrate"),
        ("console", "$ make tuor"),
        ("console", "$ python -m acceptance no-such-row"),
        ("console", "$ torchrun train.py"),
        ("python", "import cartograd as cg\ncg.tran('lenet5')"),
        ("python", "cg.evaluate(run, data, metric='accuracy')"),
        ("python", "cg.train('lenet5', 'digits', epoch=3)"),
        ("python", "from cartograd.core.build import bild"),
        ("python", "cg.evaluate(run"),
        ("toml", "a = [1,"),
        ("json", "{'a': 1}"),
        ("yaml", "run: cartograd replace a b --datta digits"),
        ("", "anything"),
    ],
)
def test_a_slip_on_a_page_is_found(language, text):
    with pytest.raises((Exception, SystemExit)):
        look_up(Block(1, language, text, "read", "a test"))


def test_a_slip_is_no_accident_of_the_reader():
    """The same lines without their slips."""
    for text in (
        "$ cartograd train lenet5:activation=relu --data digits --epochs 3 --set batch_size=3",
        "$ cartograd attack RUN --method pgd:eps=0.1",
        "$ curl -d '{}' localhost:8000/generate > a.png",
    ):
        look_up(Block(1, "console", text, "read", "a test"))
    with pytest.raises(SlipError, match="no route"):
        look_up(Block(1, "console", "$ curl localhost:8000/x", "read", "a test"))
