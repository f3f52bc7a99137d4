"""Finding methods, places and sections of the map by whatever people call them.

By name, preset or alias; by the id of a place or its last part; by title in English or Chinese; by
a heading of the notes (`003 一.2`, `1.2`); by another word of the field (`synonyms.tsv`); and,
where nothing is called so, by a part of a title. Capitals, hyphens and spaces do not matter.
"""

import csv
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

from cartograd.core import concepts, registry
from cartograd.core.card import Card
from cartograd.core.concepts import Place
from cartograd.core.errors import UsageError, nearest

NUMERALS = "一二三四五六"
"""How the notes number their chapters."""

NOTES = {
    "000": ("深度学习概念总结", "Data, tuning, training, operating"),
    "001": ("深度学习基础学习笔记", "Study notes beside the map"),
    "002": ("深度学习核心概念汇总", "Summaries"),
    "003": ("深度神经网络思维导图", "The mind map"),
}
"""The notes by number, each with its title in Chinese and in English."""

LEAST = 3
"""Letters of a word that may be a part of a title; of Chinese two are enough."""

SHOWN = 8
"""Names that are listed where several are meant."""


_KEPT: list[tuple[registry.Cards, dict[str, dict[str, tuple[Card, str]]]]] = []
"""The cards that were read last, and their index."""


@dataclass(frozen=True)
class Found:
    """What goes by a name.

    Attributes:
        cards: methods, each with the name or preset that is meant.
        places: of the map.
        section: of the map, whose number or title it is.
    """

    cards: tuple[tuple[Card, str], ...] = ()
    places: tuple[Place, ...] = ()
    section: str = ""

    def __bool__(self) -> bool:
        return bool(self.cards or self.places or self.section)


def sought(name: str, /) -> Found:
    """What a name may mean; the surest way of reading it that finds anything.

    >>> [card.name for card, _ in sought("ReLU").cards], sought("003 一.2").section
    (['relu'], '1.2')
    >>> [place.id for place in sought("反向传播").places]
    ['autodiff']
    """
    plain = alike(name)
    if not plain:
        return Found()
    section = _section(name)
    if section:
        return Found(section=section)
    cards = tuple(registry.lookup(name))
    places = tuple(dict.fromkeys(_places().get(plain, ())))
    cards = cards or tuple(_cards().get(plain, {}).values())
    if cards or places:
        return Found(cards, places)
    titles = {alike(title): key for key, both in concepts.sections().items() for title in both}
    if plain in titles:
        return Found(section=titles[plain])
    if plain in _synonyms():
        return Found(places=(_synonyms()[plain],))
    return _within(plain)


def place(name: str, /) -> Place:
    """The one place of the map that a name means.

    Raises:
        UsageError: it means none, or several.
    """
    found = sought(name)
    places = {one.id: one for one in found.places}
    ids = dict.fromkeys(chain(places, *(card.nodes for card, _ in found.cards)))
    own = {one.id: one for one in concepts.places()}
    if len(places or ids) == 1:
        return own[next(iter(places or ids))]
    raise several(name, found) if ids else missing(name)


def several(name: str, found: Found, /) -> UsageError:
    """The error for a name that means more than one thing."""
    forms = [f"{card.kind} {own}" for card, own in found.cards]
    forms += [one.id for one in found.places]
    rest = f", and {len(forms) - SHOWN} more" if len(forms) > SHOWN else ""
    return UsageError(f"{name!r} is part of several names; say which: "
                      f"{', '.join(forms[:SHOWN])}{rest}")  # fmt: skip


def missing(name: str, /) -> UsageError:
    """The error for a name that means nothing, with the nearest one."""
    known = chain(registry.spellings(), (one.id for one in concepts.places()))
    near = nearest(name, known, alike=0.6)
    meant = f"did you mean {near!r}?" if near else "expected a name, an id or a title"
    return UsageError(
        f"nothing is called {name!r}; {meant} (`cartograd coverage` shows the map, and "
        "`cartograd list` the methods)"
    )


def heading(section: str, /) -> str:
    """Where a section stands in the notes.

    >>> heading("1.2"), heading("000.3")
    ('003 一.2', '000 3')
    """
    note, _, part = section.partition(".")
    if note in NOTES:
        return f"{note} {part}".strip()
    return f"003 {NUMERALS[int(note) - 1]}.{part}"


def alike(name: str, /) -> str:
    """A name without what does not matter: capitals, width, hyphens, spaces.

    >>> alike("Batch-Norm") == alike("ｂａｔｃｈ norm")
    True
    """
    return re.sub(r"[\s_\-·.,:/]+", "", unicodedata.normalize("NFKC", name).casefold())


def _section(name: str) -> str:
    """The section that a heading of the notes names; empty if it is none."""
    words = unicodedata.normalize("NFKC", name).split()
    if len(words) == 2 and words[0] in NOTES:
        note, part = words
        name = part if note == "003" else f"{note}.{part.removeprefix('.').rstrip(').')}"
    elif len(words) == 1:
        name = words[0]
    first, dot, rest = name.partition(".")
    number = f"{NUMERALS.index(first) + 1}{dot}{rest}" if first and first in NUMERALS else name
    return number.rstrip(".") if number.rstrip(".") in concepts.sections() else ""


@cache
def _places() -> dict[str, list[Place]]:
    """Places by their ids, the last parts of these, and their titles."""
    found: dict[str, list[Place]] = {}
    for one in concepts.places():
        for name in (one.id, one.id.rpartition("/")[2], *_titles(one.en), *_titles(one.zh)):
            found.setdefault(alike(name), []).append(one)
    return found


def _cards() -> dict[str, dict[str, tuple[Card, str]]]:
    """Methods by all of their names and titles, each by its module."""
    known = registry.cards()
    if not _KEPT or _KEPT[0][0] is not known:
        _KEPT[:] = [(known, _indexed(known))]
    return _KEPT[0][1]


def _indexed(cards: registry.Cards) -> dict[str, dict[str, tuple[Card, str]]]:
    found: dict[str, dict[str, tuple[Card, str]]] = {}
    for card in cards.values():
        own = {name: name for name in (card.name, *card.presets)}
        own |= dict.fromkeys((*card.aliases, *_titles(card.title), *_titles(card.zh)), card.name)
        for name, meant in own.items():
            found.setdefault(alike(name), {}).setdefault(card.module, (card, meant))
    return found


def _titles(title: str) -> Iterator[str]:
    """A title, and its parts: before and within brackets, and on both sides of a stroke."""
    yield title
    before, _, inside = title.partition(" (")
    yield before
    if inside and "," not in inside:
        yield inside.rstrip(")")
    yield from (part for part in before.split("/") if len(part) > 1)


@cache
def _synonyms() -> dict[str, Place]:
    """Other words of the field, each with the place that it speaks of."""
    own = {one.id: one for one in concepts.places()}
    path = Path(__file__).with_name("synonyms.tsv")
    with path.open(encoding="utf-8", newline="") as file:
        return {
            alike(row["word"]): own[row["place"]] for row in csv.DictReader(file, delimiter="\t")
        }


def _within(plain: str) -> Found:
    """What has the word in its title, at the beginning of a word."""
    if len(plain) < (LEAST if plain.isascii() else 2):
        return Found()
    cards = {
        card.module: (card, card.name)
        for card in registry.cards().values()
        if _begins(plain, card.title, card.zh, card.name)
    }
    places = dict.fromkeys(
        one for one in concepts.places() if _begins(plain, one.en, one.zh, one.id)
    )
    return Found(tuple(cards.values()), tuple(places))


def _begins(plain: str, *titles: str) -> bool:
    """Whether a word of a title begins so; in Chinese, whether it is within."""
    words = [alike(word) for title in titles for word in re.split(r"[\s/()\-]+", title)]
    whole = "".join(map(alike, titles))
    return any(word.startswith(plain) for word in words) or (not plain.isascii() and plain in whole)
