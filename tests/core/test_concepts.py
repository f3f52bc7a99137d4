"""Coverage: every place of the map once, and totals that add up."""

import json

import cartograd as cg
from cartograd.core import concepts, registry


def test_totals_of_sections_add_up_to_the_map():
    found = cg.coverage()
    assert isinstance(found, dict)
    assert list(found) == [place.id for place in concepts.places()]
    assert [one.section for one in found.sections] == list(concepts.sections())
    assert sum(one.there for one in found.sections) == found.total.there
    assert sum(one.places for one in found.sections) == found.total.places == len(found)
    for one in found.sections:
        inside = [place.id for place in concepts.places() if place.section == one.section]
        assert (one.there, one.places) == (sum(found[p] != () for p in inside), len(inside))
        assert (one.zh, one.en) == concepts.sections()[one.section]
    assert 0 < found.total.there <= found.total.places


def test_a_place_that_loses_its_methods_is_counted_as_missing(monkeypatch):
    before = cg.coverage()
    kept = {name: card for name, card in registry.cards().items() if "loss/mse" not in card.nodes}
    assert len(kept) < len(registry.cards())
    monkeypatch.setattr(registry, "cards", lambda: kept)
    after = cg.coverage()
    assert after["loss/mse"] == ()
    assert before.total.there > after.total.there
    assert before.total.places == after.total.places


def test_json_is_whole():
    told = json.loads(json.dumps(cg.coverage().to_json()))
    assert set(told) == {"places", "sections", "total"}
    assert set(told["sections"][0]) == {"section", "zh", "en", "there", "places"}
    assert sum(one["there"] for one in told["places"]) == told["total"]["there"]
