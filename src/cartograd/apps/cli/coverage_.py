"""The places of the map: which hold, which in part, which not yet, with totals per section."""

from typing import Annotated, Any

from cartograd.apps.cli import output
from cartograd.apps.cli.names import naming
from cartograd.apps.cli.trying import line, methods
from cartograd.core import concepts
from cartograd.core.card import Card
from cartograd.core.concepts import Place
from cartograd.core.language import chinese
from cartograd.core.sought import missing, sought


def coverage_(*names: Annotated[str, naming("name")], json: bool = False) -> None:
    """The places of the map: which hold, which in part, which not yet, with totals per section.

    A place holds when evidence is named for all that the map asks of it: tests, claims and
    acceptance runs, which `--json` lists.

    Args:
        names: a place, a section (1.2, 003 一.2) or a method, by whatever name; all of the map if
            left out.
        json: print one object with `places`, `sections` and `total`.
    """
    found, cards = concepts.coverage(), methods()
    chosen = _chosen(" ".join(names))
    if json:
        output.emit(_plain(found, cards, chosen))
        return
    zh = chinese()
    output.table(
        ("section", "place", "name", "state", "methods", "try"),
        [
            (
                place.section,
                place.id,
                place.zh if zh else place.en,
                concepts.STATES[found[place.id].state] if zh else found[place.id].state,
                ", ".join(found[place.id].methods),
                line(place, cards.get(place.id, [])),
            )
            for place in chosen
        ],
    )
    output.table(
        ("in part", "missing"),
        [
            (place, "; ".join(one.missing) or "evidence")
            for place, one in ((place.id, found[place.id]) for place in chosen)
            if one.state == "in part"
        ],
    )
    if names:
        return
    output.table(
        ("section", "title", "holds", "in part", "places"),
        [
            (one.section, one.zh if zh else one.en, one.holds, one.in_part, one.places)
            for one in (*found.sections, found.total)
        ],
        right=("holds", "in part", "places"),
    )


def _chosen(name: str) -> tuple[Place, ...]:
    """The places that a name means: a section's, those called so, those of a method.

    Raises:
        UsageError: nothing on the map is called so.
    """
    if not name:
        return concepts.places()
    found = sought(name)
    if not found:
        raise missing(name)
    ids = {one.id for one in found.places} or {x for card, _ in found.cards for x in card.nodes}
    return tuple(one for one in concepts.places() if one.id in ids or one.section == found.section)


def _plain(
    found: concepts.Coverage, cards: dict[str, list[Card]], chosen: tuple[Place, ...]
) -> dict[str, Any]:
    """The whole map, or the places that were asked for, as JSON types."""
    tries = {one.id: line(one, cards.get(one.id, [])) for one in chosen}
    whole = found.to_json()
    places = [one | {"try": tries[one["id"]]} for one in whole["places"] if one["id"] in tries]
    return whole | {"places": places} if len(tries) == len(found) else {"places": places}
