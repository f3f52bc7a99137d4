"""The documents are true: same headings, living links, commands that run."""

import pkgutil
import re

import pytest

from tools.source import ROOT

PAGES = sorted(path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    local = [target for target in targets if "://" not in target]
    assert not [target for target in local if not (page.parent / target).exists()]


HOMES = (ROOT, ROOT / "src/cartograd")
"""Where the paths in a page begin."""
TOPS = {path.name for home in HOMES for path in home.iterdir()}
PATH = re.compile(rf"(?<![\w/.:-])(?:{'|'.join(sorted(map(re.escape, TOPS)))})/[\w./-]*\w")
MODULE = re.compile(r"\bcartograd(?:\.[a-z_]\w*)+")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_paths_in_text_exist(page):
    """Files, folders and modules that a page names in backquotes are there."""
    code = re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8"))
    paths = {path for text in code for path in PATH.findall(text)}
    assert not [path for path in paths if not any((home / path).exists() for home in HOMES)]
    modules = {name for text in code for name in MODULE.findall(text)}
    assert not [name for name in modules if not importable(name)]


def importable(name):
    """Whether a dotted name is a module's, or that of something in one."""
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("cartograd.rates", True),
        ("cartograd.data.gguf.reader", True),
        ("cartograd.data.text.tokenizer.Tokenizer", True),
        ("cartograd.data.tokenizer.Tokenizer", False),
        ("cartograd.engine.fit", False),
        ("cartograd.reates", False),
    ],
)
def test_a_module_that_is_not_there_is_found(text, there):
    assert importable(text) is there


def test_contributing_is_short():
    assert len((ROOT / "CONTRIBUTING.md").read_text().splitlines()) < 80


def test_decisions_are_numbered_and_listed():
    pages = sorted(path.name for path in (ROOT / "docs/adr").glob("0*.md"))
    assert [int(name[:4]) for name in pages] == list(range(1, len(pages) + 1))
    index = (ROOT / "docs/adr/README.md").read_text()
    for name in pages:
        title = (ROOT / "docs/adr" / name).read_text().splitlines()[0]
        assert f"[{name[:4]}]({name}) | {title.removeprefix(f'# {name[:4]} ')} |" in index


def test_licence():
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
