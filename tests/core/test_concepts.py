"""Coverage: every place of the map once, what it rests on, and totals that add up."""

import json
from dataclasses import replace

import pytest

import cartograd as cg
from cartograd.core import concepts, registry


def test_totals_of_sections_add_up_to_the_map():
    found = cg.coverage()
    assert isinstance(found, dict)
    assert list(found) == [place.id for place in concepts.places()]
    assert [one.section for one in found.sections] == list(concepts.sections())
    assert sum(one.holds for one in found.sections) == found.total.holds
    assert sum(one.in_part for one in found.sections) == found.total.in_part
    assert sum(one.places for one in found.sections) == found.total.places == len(found)
    for one in found.sections:
        inside = [found[p.id].state for p in concepts.places() if p.section == one.section]
        counts = inside.count("holds"), inside.count("in part"), len(inside)
        assert (one.holds, one.in_part, one.places) == counts
        assert (one.zh, one.en) == concepts.sections()[one.section]
    assert 0 < found.total.holds < found.total.places


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({}, "holds"),
        ({"evidence": {}}, "in part"),
        ({"missing": {"loss/huber": "a picture"}}, "in part"),
        ({"nodes": ()}, "not yet"),
    ],
)
def test_a_place_holds_by_its_evidence_alone(monkeypatch, change, state):
    cards = {
        name: replace(card, **change) if "loss/huber" in card.nodes else card
        for name, card in registry.cards().items()
    }
    before = cg.coverage()
    monkeypatch.setattr(registry, "cards", lambda: cards)
    after = cg.coverage()
    assert after["loss/huber"].state == state
    assert after["loss/huber"].missing == tuple(change.get("missing", {}).values())
    assert before.total.holds - after.total.holds == (state != "holds")
    assert after.total.in_part - before.total.in_part == (state == "in part")


def test_json_is_whole():
    told = json.loads(json.dumps(cg.coverage().to_json()))
    assert set(told) == {"places", "sections", "total"}
    assert set(told["sections"][0]) == {"section", "zh", "en", "holds", "in_part", "places"}
    for state, name in (("holds", "holds"), ("in part", "in_part")):
        assert sum(one["state"] == state for one in told["places"]) == told["total"][name]
    assert all(one["missing"] or one["state"] != "in part" for one in told["places"])
    assert all(one["done_when"] for one in told["places"])
