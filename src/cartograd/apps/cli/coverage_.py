"""The places of the map: what is there and what is not, with totals per section."""

from cartograd.apps.cli import output
from cartograd.apps.cli.language import Language, chinese
from cartograd.core import concepts


def coverage_(*, lang: Language = "auto", json: bool = False) -> None:
    """The places of the map: what is there and what is not, with totals per section.

    Args:
        lang: language of the names; auto follows LANG.
        json: print one object with `places`, `sections` and `total`.
    """
    found = concepts.coverage()
    if json:
        output.emit(found.to_json())
        return
    zh = chinese(lang)
    output.table(
        ("section", "place", "name", "there", "methods"),
        [
            (
                place.section,
                place.id,
                place.zh if zh else place.en,
                "yes" if found[place.id] else "no",
                ", ".join(found[place.id]),
            )
            for place in concepts.places()
        ],
    )
    output.table(
        ("section", "title", "there", "places"),
        [
            (one.section, one.zh if zh else one.en, one.there, one.places)
            for one in (*found.sections, found.total)
        ],
        right=("there", "places"),
    )
