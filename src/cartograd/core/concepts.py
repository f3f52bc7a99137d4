"""The places of the map: what the field consists of, whether the library has it yet or not."""

import csv
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cartograd.core import registry
from cartograd.core.card import Card


@dataclass(frozen=True)
class Place:
    """One place of the map.

    Attributes:
        id: what a card's `nodes` name.
        section: chapter and section of the map, e.g. `3.3`; `000.3` and `001` are notes beside it.
        zh, en: its name in Chinese and in English.
        done_when: what must hold before the place counts as there.
    """

    id: str
    section: str
    zh: str
    en: str
    done_when: str


def _rows(name: str) -> list[dict[str, str]]:
    with Path(__file__).with_name(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@cache
def places() -> tuple[Place, ...]:
    """Every place, in the order of the map."""
    return tuple(Place(**row) for row in _rows("concepts.tsv"))


@cache
def sections() -> dict[str, tuple[str, str]]:
    """The sections in the order of the map, each with its title in Chinese and in English.

    >>> sections()["3.3"]
    ('卷积神经网络', 'Convolutional networks')
    """
    return {row["section"]: (row["zh"], row["en"]) for row in _rows("sections.tsv")}


STATES = {"holds": "成立", "in part": "部分成立", "not yet": "尚未"}
"""What can be said of a place, in English and in Chinese."""


@dataclass(frozen=True)
class Standing:
    """How far a place has come.

    Attributes:
        methods: names of the methods that make it real.
        evidence: what shows that its `done_when` holds: tests, `claim:ID`, `acceptance:ROW`.
        missing: what its `done_when` still lacks.
    """

    methods: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """One of `STATES`: it holds if there is evidence and nothing is missing."""
        if not self.methods:
            return "not yet"
        return "holds" if self.evidence and not self.missing else "in part"

    def to_json(self) -> dict[str, Any]:
        """The state and what it rests on."""
        return {"state": self.state} | {name: list(x) for name, x in asdict(self).items()}


@dataclass(frozen=True)
class Total:
    """How many places of a section hold.

    Attributes:
        section: its number; empty for the whole map.
        zh, en: its title in Chinese and in English.
        holds: places whose `done_when` is shown.
        in_part: places that a method makes real, of which something is missing.
        places: all of them.
    """

    section: str
    zh: str
    en: str
    holds: int
    in_part: int
    places: int


class Coverage(dict[str, Standing]):
    """For every place of the map, how far it has come."""

    @property
    def sections(self) -> tuple[Total, ...]:
        """The totals of each section, in the order of the map."""
        return tuple(
            self._total([p.id for p in places() if p.section == section], section, zh, en)
            for section, (zh, en) in sections().items()
        )

    @property
    def total(self) -> Total:
        """That of the whole map."""
        return self._total(list(self), "", "全部", "all")

    def _total(self, inside: list[str], section: str, zh: str, en: str, /) -> Total:
        states = [self[place].state for place in inside]
        counts = states.count("holds"), states.count("in part"), len(inside)
        return Total(section, zh, en, *counts)

    def to_json(self) -> dict[str, Any]:
        """Every place, the totals of each section, and that of the map."""
        counted = asdict(self.total)
        return {
            "places": [asdict(place) | self[place.id].to_json() for place in places()],
            "sections": [asdict(total) for total in self.sections],
            "total": {name: counted[name] for name in ("holds", "in_part", "places")},
        }


def coverage() -> Coverage:
    """How far every place of the map has come, with the totals of its sections.

    >>> found = coverage()
    >>> found["arch/lenet5"].state, sum(one.places for one in found.sections) == len(found)
    ('holds', True)
    """
    cards: dict[str, list[Card]] = {place.id: [] for place in places()}
    for card in registry.cards().values():
        for node in card.nodes:
            assert node in cards, f"{card.name}: {node!r} is not a place of the map"
            cards[node].append(card)
    return Coverage((place, _standing(place, inside)) for place, inside in cards.items())


def _standing(place: str, cards: list[Card], /) -> Standing:
    return Standing(
        tuple(card.name for card in cards),
        tuple(dict.fromkeys(x for card in cards for x in card.evidence.get(place, ()))),
        tuple(card.missing[place] for card in cards if place in card.missing),
    )
