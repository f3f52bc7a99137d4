"""What cards name as evidence for places is there: marked tests, claims' results, passed rows."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

from acceptance import report
from cartograd.core import concepts, registry
from cartograd.evidence import claim
from tests.conformance.support import over
from tests.conformance.test_proofs import PROVED, _mark

ROOT = Path(__file__).parents[2]
ROWS = report.known(ROOT / "docs/results")
SOURCES = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests").rglob("test_*.py"))]


def _shown():
    """Place: the tests with its mark."""
    found = defaultdict(set)
    for source in SOURCES:
        if "mark.place(" not in source:
            continue
        for node in ast.walk(ast.parse(source)):
            for mark in getattr(node, "decorator_list", ()):
                if ast.unparse(mark).startswith("pytest.mark.place("):
                    for argument in mark.args:
                        found[ast.literal_eval(argument)].add(node.name)
    return found


SHOWN = _shown()
PLACES = concepts.coverage()


def missing(card, place, item):
    """Why this is no evidence for the place; empty if it is."""
    kind, _, name = item.rpartition(":")
    if kind == "claim":
        kept = name in claim.claims() and claim.stored(name) is not None
        return "" if kept else f"{item}: no result is kept"
    if kind == "acceptance":
        return "" if ROWS.get(name, {}).get("passed") else f"{item}: no row that passed"
    own = {test.rpartition("::")[2] for (_, of), tests in PROVED.items() for test in tests
           if of == _mark(card)}  # fmt: skip
    return "" if name in own | SHOWN[place] else f"{item}: no test with a mark of {card.name}"


@over()
def test_named_evidence_is_there(card):
    assert set(card.evidence) | set(card.missing) <= set(card.nodes)
    for place, items in card.evidence.items():
        assert items
        assert not [why for item in items if (why := missing(card, place, item))]


@pytest.mark.parametrize("item", ["test_nothing", "claim:nothing", "acceptance:nothing"])
def test_what_is_not_there_is_no_evidence(item):
    card = registry.find("huber")[0]
    assert missing(card, "loss/huber", item)
    assert not missing(card, "loss/huber", "test_outliers_pull_less")


def test_a_place_with_methods_says_what_it_rests_on_or_what_it_lacks():
    """An empty place is honest; one with methods and neither evidence nor a gap is not."""
    silent = [p for p, one in PLACES.items() if one.methods and not one.evidence + one.missing]
    assert not silent


def test_each_mark_of_a_place_is_used():
    """A mark that no card names proves nothing."""
    unused = [f"{p}: {test}" for p, tests in SHOWN.items() for test in tests
              if test not in PLACES[p].evidence]  # fmt: skip
    assert not unused
