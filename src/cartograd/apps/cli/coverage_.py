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
    methods = concepts.coverage()
    totals = [
        (section, *titles, *_count(section, methods))
        for section, titles in concepts.sections().items()
    ]
    there, places = sum(map(bool, methods.values())), len(methods)
    if json:
        keys = ("section", "zh", "en", "there", "places")
        output.emit(
            {
                "places": [
                    {"id": place.id, "section": place.section, "zh": place.zh, "en": place.en}
                    | {"there": bool(methods[place.id]), "methods": methods[place.id]}
                    for place in concepts.places()
                ],
                "sections": [dict(zip(keys, row, strict=True)) for row in totals],
                "total": {"there": there, "places": places},
            }
        )
        return
    zh = chinese(lang)
    output.table(
        ("section", "place", "name", "there", "methods"),
        [
            (
                place.section,
                place.id,
                place.zh if zh else place.en,
                "yes" if methods[place.id] else "no",
                ", ".join(methods[place.id]),
            )
            for place in concepts.places()
        ],
    )
    output.table(
        ("section", "title", "there", "places"),
        [(section, zh_title if zh else en, *counts) for section, zh_title, en, *counts in totals]
        + [("", "全部" if zh else "all", there, places)],
        right=("there", "places"),
    )


def _count(section: str, methods: dict[str, tuple[str, ...]]) -> tuple[int, int]:
    inside = [place.id for place in concepts.places() if place.section == section]
    return sum(bool(methods[place]) for place in inside), len(inside)
