"""The pages that the site is made of: each card and place has one, and links lead somewhere."""

import doctest
import posixpath
import re

import pytest

from cartograd.apps.cli import COMMANDS
from cartograd.core import concepts, registry
from cartograd.core.language import speaking
from tools.looking_up import look_up_command, somewhere
from tools.site import api, cards, chapters, links, sources, texts, verbs
from tools.source import ROOT

LINK = re.compile(r"(!?)\[(?:[^\]\\\n]|\\.)*\]\(([^)\s]+)\)")
CODE = re.compile(r"^(`{3,})(?!\{toctree).*?^\1$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def places():
    return sources.places()


@pytest.fixture(scope="module")
def pages(places):
    """All pages of Markdown, as the site has them."""
    found = dict(sources.written())
    found |= dict(cards.pages(places))
    for zh in (False, True):
        found |= dict(chapters.pages(places, zh=zh))
    return found | dict(sources.fixed())


def test_every_card_has_a_page_with_all_that_its_card_says(pages):
    for card in registry.cards().values():
        text = pages[f"methods/{card.kind}/{card.name}.md"]
        assert f"# {texts.escaped(card.title)}\n" in text
        assert card.zh in text
        assert cards.signature(card) in text
        assert all(texts.escaped(line.partition(": ")[2]) in text for line in card.proofs)
        assert all(f"(#{links.target(node)})" in text for node in card.nodes)
        assert f"]({card.name}.md)" in pages[f"methods/{card.kind}/index.md"]


def test_every_place_is_on_the_map_in_both_languages(pages):
    for place in concepts.places():
        for zh, top in ((False, "map"), (True, "zh/map")):
            text = pages[f"{top}/{chapters.file(place.section)}.md"]
            title = texts.escaped(place.zh if zh else place.en)
            assert f"({links.target(place.id, zh=zh)})=\n## {title}\n" in text


@pytest.mark.parametrize("verb", ["train", "data", "export"])
def test_a_command_has_a_page_with_its_flags_in_both_languages(verb):
    ours = verbs.page(verb)
    with speaking("zh"):
        theirs = verbs.page(verb)
    flags = [set(re.findall(r"^\| `[^`\n]*?(--[a-z-]+)", text, re.M)) for text in (ours, theirs)]
    assert flags[0] == flags[1]
    assert "--json" in flags[0]
    assert f"$ cartograd {verb} " in ours
    assert re.search(r"[\u4e00-\u9fff]", theirs)
    assert not re.search(r"[\u4e00-\u9fff]", ours)


def test_every_link_leads_to_a_page_or_a_picture(pages):
    targets = {one for text in pages.values() for one in re.findall(r"^\((\S+)\)=$", text, re.M)}
    commands = {f"commands/{verb}.md" for group in COMMANDS.values() for verb in group}
    commands |= {f"zh/{name}" for name in commands} | {"commands/index.md", "zh/commands/index.md"}
    known = {*pages, *(name for name, _ in sources.pictures()), "api/index.rst", *commands}
    dead = []
    for name, text in pages.items():
        for _, link in LINK.findall(CODE.sub("", text)):
            path, _, anchor = link.partition("#")
            where = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
            if "://" in link:
                continue
            here = targets if path else targets | slugs(text)
            if where not in known if path else anchor not in here:
                dead.append(f"{name}: {link}")
    assert not dead


def slugs(text):
    """What the headings of a page are called in links."""
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in heads}


def test_every_page_is_below_another(pages):
    below = {"index"}
    for name, text in pages.items():
        for tree in re.findall(r"^```\{toctree\}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            for line in tree.splitlines():
                if line and not line.startswith(":"):
                    below.add(posixpath.normpath(posixpath.join(posixpath.dirname(name), line)))
    lost = {name.removesuffix(".md") for name in pages} - below
    assert not lost


def test_evidence_leads_to_its_results():
    named = {
        one.partition(":")[2]
        for card in registry.cards().values()
        for evidence in card.evidence.values()
        for one in evidence
        if ":" in one
    }
    assert not named - set(links.headings())


@pytest.mark.parametrize("kind", sorted({card.kind for card in registry.cards().values()}))
def test_the_commands_of_a_page_can_be_typed(kind):
    with somewhere():
        for command in cards.commands(registry.methods(kind)[0]):
            look_up_command(command)


def test_public_names_are_functions_or_classes_with_a_docstring():
    found = dict(api.pages())
    assert "autofunction:: cartograd.train" in found["api/train.rst"]
    assert all(one.__doc__ for one in api.results())


def test_marks_of_code_do_not_reach_a_reader(pages):
    assert not [name for name, text in pages.items() if re.search(r"^<!-- (run|read)", text, re.M)]


@pytest.mark.parametrize("module", [texts, cards, chapters, links])
def test_examples(module):
    assert doctest.testmod(module).failed == 0


def test_what_is_written_once_is_not_touched_again(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "made", lambda: iter([("a.md", "# A\n")]))
    monkeypatch.setattr(sources, "written", lambda: iter([("b.md", "# B\n")]))
    monkeypatch.setattr(sources, "pictures", lambda: iter([("c.png", b"1")]))
    assert sources.write(tmp_path / "site") == (2, 3)
    assert sources.write(tmp_path / "site") == (2, 0)
    (tmp_path / "site/old.md").write_text("x")
    (tmp_path / "site/a.md").write_text("x")
    assert sources.write(tmp_path / "site") == (2, 2)
    assert not (tmp_path / "site/old.md").exists()
    assert (ROOT / "tools/site/conf.py").is_file()
