"""Places and sections of the map as pages: what they say, what runs, what was measured."""

from typing import Any

from cartograd.apps.cli import output
from cartograd.apps.cli.trying import line, methods
from cartograd.core import concepts
from cartograd.core.card import Card
from cartograd.core.concepts import Place
from cartograd.core.language import said
from cartograd.core.sought import heading
from cartograd.evidence.rows import rows
from cartograd.evidence.words import between, number

ROW = "acceptance:"
"""What evidence begins with that is a row of docs/results/acceptance.md."""


def told(*places: Place) -> list[dict[str, Any]]:
    """All that is known of some places of the map, as JSON types."""
    found, cards = concepts.coverage(), methods()
    return [_told(place, found[place.id], cards.get(place.id, [])) for place in places]


def _told(place: Place, standing: concepts.Standing, cards: list[Card]) -> dict[str, Any]:
    names = [one.removeprefix(ROW) for one in standing.evidence if one.startswith(ROW)]
    return {
        "id": place.id, "section": place.section, "heading": heading(place.section),
        "zh": place.zh, "en": place.en, "done_when": place.done_when, **standing.to_json(),
        "rows": names, "measured": [vars(row) for name in names if (row := rows().get(name))],
        "claims": _claims(place.id), "try": line(place, cards),
    }  # fmt: skip


def page(section: str, /) -> dict[str, Any]:
    """A section of the map with its places, as JSON types."""
    zh, en = concepts.sections()[section]
    inside = told(*(one for one in concepts.places() if one.section == section))
    return {"section": section, "heading": heading(section), "zh": zh, "en": en, "places": inside}


def show(one: dict[str, Any], /, *, zh: bool) -> None:
    """A place, for people.

    Args:
        one: as of `told`.
        zh: in Chinese.
    """
    state = concepts.STATES[one["state"]] if zh else one["state"]
    if one["state"] == "not yet":
        state += "" if zh else " (on the map, not here yet)"
    rows = [
        ("map", f"{one['heading']}, {one['id']}"), ("state", state),
        ("asks", one["done_when"]), ("methods", ", ".join(one["methods"])),
        *[("missing", missing) for missing in one["missing"]],
        *[("says", _claimed(claim, zh=zh)) for claim in one["claims"]],
        *[("row", _measured(row)) for row in one["measured"]], ("try", one["try"]),
    ]  # fmt: skip
    print(one["zh"] if zh else one["en"])
    output.lines([("  " + name, text) for name, text in rows if text])


def show_page(found: dict[str, Any], /, *, zh: bool) -> None:
    """A section, for people, a place below the other."""
    print(f"{found['heading']}  {found['zh'] if zh else found['en']}")
    for one in found["places"]:
        print()
        show(one, zh=zh)


def _claims(place: str) -> list[dict[str, Any]]:
    """The statements about a place, each with what was measured."""
    from cartograd.apps.verbs.claim import claims
    from cartograd.evidence.claim import statements

    kept = {one.claim.id: one for one in claims()}
    found = []
    for name, statement in statements().items():
        if statement.concept != place:
            continue
        one = kept.get(name)
        finding = one.finding if one and one.finding else None
        found.append({
            "id": name, "zh": statement.claim_zh, "en": statement.claim_en,
            "verdict": (one.verdict or None) if one else None,
            "figure": None if finding is None else finding["value"],
            "low": None if finding is None else finding["low"],
            "high": None if finding is None else finding["high"],
            "check": None if finding is None else finding["check"],
            "interval": "" if finding is None else between(finding),
        })  # fmt: skip
    return found


def _measured(row: dict[str, Any]) -> str:
    """An acceptance run and its verdict in a line."""
    claim, measured, asked = row["claim"], row["measured"], row["asked"]
    verdict, name = row["verdict"], row["name"]
    return f"{claim}: {measured}; asked for {asked}: {verdict} ({name})"


def _claimed(claim: dict[str, Any], *, zh: bool) -> str:
    """A statement and its verdict in a line."""
    told = claim["zh"] if zh else claim["en"]
    if claim["verdict"] is None:
        return said(f"{told} (not measured yet: {claim['id']})")
    figure = f"{claim['check']}: {number(claim['figure'])}" if claim["check"] else ""
    within = f", {claim['interval']}" if claim["interval"] else ""
    if zh:
        figure = f"`{claim['check']}`：{number(claim['figure'])}" if claim["check"] else ""
        within = f"，{said(claim['interval'])}" if within else ""
        return f"{told}：{said(claim['verdict'])}（{figure}{within}；{claim['id']}）"
    return f"{told}: {claim['verdict']} ({figure}{within}; {claim['id']})"
