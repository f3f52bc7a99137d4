"""A digest changes with the design and with nothing else; the journal tells what stands."""

from dataclasses import replace

import pytest

from cartograd.evidence import design
from cartograd.evidence.claim import find
from cartograd.evidence.design import Event, digest, history, journal, standing

TOY = '''"""Toy."""

import torch

from cartograd.evidence.lab import few

CLAIM = Claim(
    id="toy",
)
RATE = 0.1


def measure(seed, /):
    """What it gives."""
    return {"gain": RATE * seed}  # a remark
'''


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A room with one claim, a helper that it uses, and one that it does not."""
    for name in ("claim", "verdict", "estimate", "lab", "bank"):
        (tmp_path / f"{name}.py").write_text(f'"""The {name}."""\n\nHERE = "{name}"\n')
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims/toy.py").write_text(TOY)
    monkeypatch.setattr(design, "ROOM", tmp_path)
    monkeypatch.setattr(design, "CLAIMS", tmp_path / "claims")
    design._used.cache_clear()
    yield tmp_path
    design._used.cache_clear()


CLAIM = replace(find("gelu-approx"), id="toy")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("claims/toy.py", "RATE = 0.1", "RATE = 0.2"),
        ("claims/toy.py", "RATE * seed", "RATE + seed"),
        ("lab.py", '"lab"', '"other"'),
        ("verdict.py", '"verdict"', '"other"'),
        ("estimate.py", '"estimate"', '"other"'),
    ],
)
def test_code_that_measures_or_judges_changes_it(room, file, old, new):
    before = digest(CLAIM)
    path = room / file
    path.write_text(path.read_text().replace(old, new))
    design._used.cache_clear()
    assert digest(CLAIM) != before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("claims/toy.py", "  # a remark", ""),
        ("claims/toy.py", "What it gives.", "Something."),
        ("claims/toy.py", 'id="toy"', 'id="toy", remark="new"'),
        ("claims/toy.py", "RATE * seed", "(RATE  *  seed)"),
        ("bank.py", '"bank"', '"other"'),
        ("claim.py", '"claim"', '"other"'),
    ],
)
def test_what_tells_about_it_does_not(room, file, old, new):
    before = digest(CLAIM)
    path = room / file
    path.write_text(path.read_text().replace(old, new))
    design._used.cache_clear()
    assert digest(CLAIM) == before


@pytest.mark.parametrize(
    "change",
    [
        {"rule": ("every gap < 1e-4",)},
        {"requires": ("every gap < 1",)},
        {"decide": "majority"},
        {"seeds": 6},
        {"first": 1},
        {"hypothesis": "another."},
    ],
)
def test_every_part_of_the_rule_changes_it(change):
    claim = find("gelu-approx")
    assert digest(replace(claim, **change)) != digest(claim)


@pytest.mark.parametrize("change", [{"remark": "x"}, {"draw": ("x",)}, {"scale": "y"}, {"en": "x"}])
def test_what_only_tells_of_it_does_not(change):
    claim = find("gelu-approx")
    assert digest(replace(claim, **change)) == digest(claim)


def event(kind, digits="", date="2026-12-01T10:00Z", seeds=""):
    return Event(date, "toy", kind, digits, seeds, "")


def test_a_carried_design_is_the_one_before():
    first, mended = event("registered", "aa"), event("mended", "cc")
    events = (first, event("carried", "bb"), event("run", "bb"), mended, event("carried", "dd"))
    found = [standing(events, digits) for digits in ("aa", "bb", "cc", "dd", "ee", "")]
    assert found == [first, first, mended, mended, None, None]


def test_the_journal_is_in_order_and_speaks_of_known_claims():
    events = journal()
    assert [one.date for one in events] == sorted(one.date for one in events)
    kinds = {"committed", "taken", "registered", "mended", "carried", "look", "run"}
    assert {one.event for one in events} <= kinds
    for one in events:
        assert find(one.claim).id == one.claim
        assert (len(one.design) == 16) == (
            one.event in (*design.BEFORE, "carried") or bool(one.design)
        )
        assert one.note or one.event in ("registered", "run")
    told = history("relu-sparse")
    assert told[0].event == "look"
    assert "Not fixed before it was run" in told[0].note
