"""Published weights: what is not there is said in one line, and nothing else goes wrong."""

import inspect

import pytest

from cartograd.apps.load.named import is_pretrained
from cartograd.apps.load.pretrained import pretrained
from cartograd.core.build import build, entry
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.data.store import packages
from tests.conformance.support import over


def path_of(card):
    parameters = inspect.signature(entry(card)).parameters.values()
    return [p for p in parameters if p.kind is p.POSITIONAL_ONLY]


@over("weights")
def test_one_path_which_may_be_left_out_where_the_store_has_the_set(card):
    (path,) = path_of(card)
    assert path.default in (None, inspect.Parameter.empty)
    assert (path.default is None) == (card.name in packages.names())
    assert inspect.signature(entry(card)).return_annotation is Signed


@over("weights")
def test_verbs_know_its_name(card):
    assert is_pretrained(card.name)
    assert is_pretrained(f"{card.name}:some/where")


@over("weights")
def test_a_path_that_is_not_there_is_named(card, tmp_path):
    with pytest.raises(UsageError, match="nowhere"):
        build(f"{card.name}:{tmp_path / 'nowhere'}")()


@over("weights")
def test_an_empty_folder_or_file_is_refused(card, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "nothing").touch()
    for name in ("empty", "nothing"):
        with pytest.raises(UsageError, match=name):
            build(f"{card.name}:{tmp_path / name}")()


@over("weights")
def test_what_has_not_been_fetched_is_told(card, tmp_path, monkeypatch):
    monkeypatch.setenv("CARTOGRAD_CACHE", str(tmp_path))
    fetch = f"cartograd data get {card.name}"
    told = fetch if card.name in packages.names() else f"{card.name} needs a path"
    with pytest.raises(UsageError, match=told):
        pretrained(card.name)
