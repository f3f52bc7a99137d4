"""The places of the map: what the field consists of, whether the library has it yet or not."""

import csv
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cartograd.core import registry


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


@dataclass(frozen=True)
class Total:
    """How many places of a section are there.

    Attributes:
        section: its number; empty for the whole map.
        zh, en: its title in Chinese and in English.
        there: places that a method makes real.
        places: all of them.
    """

    section: str
    zh: str
    en: str
    there: int
    places: int


class Coverage(dict[str, tuple[str, ...]]):
    """For every place of the map, the names of the methods that make it real (none: not there)."""

    @property
    def sections(self) -> tuple[Total, ...]:
        """The totals of each section, in the order of the map."""
        found = []
        for section, (zh, en) in sections().items():
            inside = [place.id for place in places() if place.section == section]
            there = sum(bool(self[place]) for place in inside)
            found.append(Total(section, zh, en, there, len(inside)))
        return tuple(found)

    @property
    def total(self) -> Total:
        """That of the whole map."""
        return Total("", "全部", "all", sum(map(bool, self.values())), len(self))

    def to_json(self) -> dict[str, Any]:
        """Every place, the totals of each section, and that of the map."""
        return {
            "places": [
                {"id": place.id, "section": place.section, "zh": place.zh, "en": place.en}
                | {"there": bool(self[place.id]), "methods": list(self[place.id])}
                for place in places()
            ],
            "sections": [asdict(total) for total in self.sections],
            "total": {"there": self.total.there, "places": self.total.places},
        }


def coverage() -> Coverage:
    """The methods of every place of the map, with the totals of its sections.

    >>> found = coverage()
    >>> "lenet5" in found["arch/lenet5"], sum(one.places for one in found.sections) == len(found)
    (True, True)
    """
    methods: dict[str, list[str]] = {place.id: [] for place in places()}
    for card in registry.cards().values():
        for node in card.nodes:
            assert node in methods, f"{card.name}: {node!r} is not a place of the map"
            methods[node].append(card.name)
    return Coverage((place, tuple(names)) for place, names in methods.items())
