"""Every card is complete and true to its file, read as text."""

import ast
import inspect
import json
import re

from cartograd.core import registry, vocabulary
from cartograd.core.build import entry, hyperparameters, resolve
from cartograd.core.card import KINDS, MEASURED, PROOFS
from cartograd.core.concepts import places
from cartograd.core.source import docstring, path_of
from cartograd.core.spec import Spec
from tests.conformance.support import over

PLACES = {place.id for place in places()}
NODELESS = ("data", "weights")
"""Kinds whose methods need not be a place of the map."""


@over()
def test_names(card):
    assert re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", card.name)
    assert all(re.fullmatch(r"[a-z][a-z0-9]*([-_.][a-z0-9]+)*", name) for name in card.presets)
    assert card.kind in KINDS
    assert card.title.strip() == card.title != ""
    assert card.zh == card.title or re.search(r"[\u4e00-\u9fff]", card.zh), "zh: Chinese, or a name"


@over()
def test_nodes_are_places_of_the_map(card):
    assert set(card.nodes) <= PLACES
    assert card.nodes or card.kind in NODELESS
    assert len(card.nodes) == len(set(card.nodes))


@over()
def test_paper_year_and_url_agree(card):
    given = [bool(card.paper), bool(card.year), bool(card.url)]
    assert all(given) or not any(given)
    if card.paper:
        text = docstring(card)
        assert card.url.startswith("https://")
        assert card.url in text.replace("\n", ""), "the docstring's references have the card's url"
        assert str(card.year) in text
        assert 1800 < card.year < 2100


@over()
def test_proofs_are_of_a_known_kind(card):
    assert card.proofs, "a method without a proof is not finished"
    for proof in card.proofs:
        kind, _, what = proof.partition(": ")
        assert kind in PROOFS
        assert len(what) > 15


@over()
def test_docstring_is_complete(card):
    text = docstring(card)
    first, _, rest = text.partition("\n\n")
    assert "\n" not in first
    assert len(first) <= 100
    assert first.endswith((".", "?"))
    sections = ["References:", ">>> "] + ["Shapes:"] * (card.kind not in ("exporter",))
    missing = [section for section in sections if section not in text]
    if card.kind not in ("data", "weights"):
        missing += [] if "Departures:" in text else ["Departures:"]
        formula = re.search(r"^    \S.*(=|<=|->|<-|:).*$", rest, re.MULTILINE)
        missing += [] if formula or card.kind == "exporter" else ["a formula, indented"]
    assert not missing


@over()
def test_the_entry_is_there_and_documented(card):
    tree = ast.parse(path_of(card).read_text(encoding="utf-8"))
    found = [node for node in tree.body if getattr(node, "name", None) == card.entry]
    assert len(found) == 1
    assert ast.get_docstring(found[0])


@over()
def test_signature_is_data_and_hyperparameters(card):
    parameters = inspect.signature(entry(card)).parameters.values()
    allowed = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.KEYWORD_ONLY)
    assert all(parameter.kind in allowed for parameter in parameters)
    for name, parameter in hyperparameters(card).items():
        assert name in vocabulary.words(), f"{name} is not in core/vocabulary.toml"
        assert parameter.annotation is not inspect.Parameter.empty


@over()
def test_defaults_are_allowed_values(card):
    for name, parameter in hyperparameters(card).items():
        if parameter.default is not inspect.Parameter.empty:
            vocabulary.check(card.name, name, parameter.default)


@over()
def test_tiny_and_presets_are_valid_arguments(card):
    known = hyperparameters(card)
    needed = {name for name, p in known.items() if p.default is inspect.Parameter.empty}
    fillers = {name: card.tiny.get(name, "") for name in needed - {"features", "classes"}}
    sizes = {name: card.tiny.get(name, 3) for name in needed & {"features", "classes"}}
    if "model" in fillers:
        return  # an objective: nothing but its model is needed
    for name in (card.name, *card.presets):
        resolve(name, kind=card.kind, **fillers | sizes | (card.tiny if name == card.name else {}))


@over()
def test_spec_round_trips(card):
    spec = Spec(card.name, dict(card.tiny))
    assert repr(Spec.parse(str(spec))) == repr(spec)
    assert repr(Spec.from_json(json.loads(json.dumps(spec.to_json())))) == repr(spec)


@over()
def test_card_is_json(card):
    data = json.loads(json.dumps(card.to_json()))
    assert data["name"] == card.name
    assert set(data) >= {"kind", "nodes", "title", "zh", "paper", "year", "url", "proofs"}


@over()
def test_found_by_its_names(card):
    assert registry.find(card.name, kind=card.kind) == (card, {})
    for name in card.aliases:
        assert registry.find(name, kind=card.kind) == (card, {})
    for name, args in card.presets.items():
        assert registry.find(name, kind=card.kind) == (card, args)


@over("model", "objective")
def test_what_it_refers_to_exists(card):
    assert not card.objective or resolve(card.objective, kind="objective", model=None)
    for name in card.metrics:
        assert any(registry.lookup(name, kind=kind) for kind in MEASURED)
