"""The registry reads cards from text, and never imports a method (or torch) to do so."""

import subprocess
import sys
from pathlib import Path

import pytest

from cartograd.core import registry
from cartograd.core.card import Card
from cartograd.core.errors import UsageError

METHOD = '''"""A toy.

CARD = Card( in a docstring is no card.
"""

raise RuntimeError("a method's file is never run to read its card")

CARD = Card(
    name="toy",
    kind="model",
    entry="Toy",
    title="Toy",
    zh="玩具",
    nodes=("neuron",),
    tiny={"depth": 1, "widths": (2, 3)},
)

PRESETS = {
    "toy-large": {"depth": 9},
}


class Toy:
    pass
'''


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A package of one method, in place of the library."""
    root = tmp_path / "cartograd"
    root.mkdir()
    (root / "toy.py").write_text(METHOD, encoding="utf-8")
    (root / "plain.py").write_text('"""No card."""\n', encoding="utf-8")
    monkeypatch.setattr(registry, "ROOT", root)
    registry.cards.cache_clear()
    yield root
    registry.cards.cache_clear()


def test_a_card_is_read_from_text(toy):
    assert registry.cards() == {
        ("model", "toy"): Card(
            name="toy",
            kind="model",
            entry="Toy",
            title="Toy",
            zh="玩具",
            nodes=("neuron",),
            tiny={"depth": 1, "widths": (2, 3)},
            module="cartograd.toy",
            presets={"toy-large": {"depth": 9}},
        )
    }


def test_a_file_without_a_card(toy):
    assert registry.read_card(toy / "plain.py") is None


def test_presets_are_found_by_name(toy):
    card, preset = registry.find("toy-large")
    assert (card.name, preset) == ("toy", {"depth": 9})
    preset["depth"] = 1
    assert registry.find("toy-large")[1] == {"depth": 9}, "a caller's change stays its own"


def test_names_of_a_kind(toy):
    assert registry.names() == ["toy", "toy-large"]
    assert registry.names(kind="model") == ["toy", "toy-large"]
    assert registry.names(kind="attack") == []


def test_unknown_names(toy):
    with pytest.raises(UsageError, match=r"unknown model 'tpy'; did you mean 'toy'\?"):
        registry.find("tpy", kind="model")
    with pytest.raises(UsageError, match=r"unknown method 'zzzz'; expected one of: toy, toy-large"):
        registry.find("zzzz")


def test_other_names_are_choices_too():
    assert "membership" in registry.spellings(kind="privacy-attack")
    with pytest.raises(UsageError, match="did you mean 'membership'"):
        registry.find("memberships", kind="privacy-attack")


def test_a_name_of_another_kind(toy):
    with pytest.raises(UsageError, match="'toy' is of kind 'model', expected 'attack'"):
        registry.find("toy", kind="attack")


@pytest.mark.parametrize("change", [('"toy"', '"toy-large"'), ('"model"', '"animal"')])
def test_a_clash_or_an_unknown_kind_stops_the_library(toy, change):
    """These are mistakes of ours, not of a user: found by the first test that lists cards."""
    (toy / "zoo.py").write_text(METHOD.replace("toy-large", "zoo-large").replace(*change))
    with pytest.raises(AssertionError, match=r"is taken|unknown kind"):
        registry.cards()


def test_a_card_that_is_no_literal_is_refused(toy):
    (toy / "toy.py").write_text(METHOD.replace('"玩具"', "compute()"))
    with pytest.raises(ValueError, match="malformed"):
        registry.cards()


@pytest.mark.parametrize(
    "code",
    [
        "import cartograd; dir(cartograd)",
        "from cartograd.core import registry; registry.cards()",
        "from cartograd.core.errors import UsageError",
    ],
)
def test_torch_is_not_imported(code):
    code += "; import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_librarys_own_cards():
    cards = registry.cards()
    written = sum("\nCARD = " in path.read_text() for path in registry.ROOT.rglob("*.py"))
    assert len(cards) == written > 0
    assert all(Path(registry.ROOT.parent, *card.module.split(".")).with_suffix(".py").is_file()
               for card in cards.values())  # fmt: skip


def test_hyphens_and_underscores_are_alike(toy):
    assert registry.find("toy_large") == registry.find("toy-large")


def test_a_name_may_belong_to_several_kinds(toy):
    other = METHOD.replace('"model"', '"loss"').replace("toy-large", "zoo-large")
    (toy / "zoo.py").write_text(other, encoding="utf-8")
    assert registry.find("toy", kind="loss")[0].module == "cartograd.zoo"
    assert registry.find("toy", kind="model")[0].module == "cartograd.toy"
    with pytest.raises(UsageError, match="several methods; say which: model toy, loss toy"):
        registry.find("toy")


def test_an_alias_finds_the_card_and_a_name_goes_before_it(toy):
    other = METHOD.replace('"toy"', '"zoo"').replace("toy-large", "zoo-large")
    aliases = other.replace("tiny=", 'aliases=("old_zoo", "park"),\n    tiny=')
    (toy / "zoo.py").write_text(aliases, encoding="utf-8")
    for name in ("zoo", "old-zoo", "old_zoo", "park"):
        assert registry.find(name)[0].name == "zoo"
    assert registry.names() == ["toy", "toy-large", "zoo", "zoo-large"]


def test_an_alias_is_unique_among_its_kind(toy):
    other = METHOD.replace('"toy"', '"zoo"').replace("toy-large", "zoo-large")
    (toy / "zoo.py").write_text(other.replace("tiny=", 'aliases=("toy",),\n    tiny='))
    with pytest.raises(AssertionError, match="model toy is taken"):
        registry.cards()


def test_names_of_before():
    """What runs of before hold: specs of clipping with a prefix, schedules with a second word."""
    for kind, old, new in (
        ("clipping", "clip-norm", "norm"),
        ("clipping", "clip-adaptive", "adaptive"),
        ("schedule", "step-decay", "step"),
        ("schedule", "constant-rate", "constant"),
    ):
        assert registry.find(old, kind=kind) == registry.find(new, kind=kind)


def test_finding_reads_no_file_again(toy, monkeypatch):
    registry.find("toy")
    monkeypatch.setattr(registry, "read_card", None)
    monkeypatch.setattr(registry.Cards, "values", None)
    assert registry.find("toy_large")[1] == {"depth": 9}
