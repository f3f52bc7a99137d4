"""The places of the map: which hold, which in part, which not yet, with totals per section."""

from cartograd.apps.cli import output
from cartograd.core import concepts
from cartograd.core.language import chinese


def coverage_(*, json: bool = False) -> None:
    """The places of the map: which hold, which in part, which not yet, with totals per section.

    A place holds when evidence is named for all that the map asks of it: tests, claims and
    acceptance runs, which `--json` lists.

    Args:
        json: print one object with `places`, `sections` and `total`.
    """
    found = concepts.coverage()
    if json:
        output.emit(found.to_json())
        return
    zh = chinese()
    output.table(
        ("section", "place", "name", "state", "methods"),
        [
            (
                place.section,
                place.id,
                place.zh if zh else place.en,
                concepts.STATES[found[place.id].state] if zh else found[place.id].state,
                ", ".join(found[place.id].methods),
            )
            for place in concepts.places()
        ],
    )
    output.table(
        ("in part", "missing"),
        [
            (place, "; ".join(one.missing) or "evidence")
            for place, one in found.items()
            if one.state == "in part"
        ],
    )
    output.table(
        ("section", "title", "holds", "in part", "places"),
        [
            (one.section, one.zh if zh else one.en, one.holds, one.in_part, one.places)
            for one in (*found.sections, found.total)
        ],
        right=("holds", "in part", "places"),
    )
