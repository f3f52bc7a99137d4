"""Where pages of the site lead: places, claims, rows of acceptance."""

import re
from functools import cache
from typing import Any

from cartograd.core.language import said
from cartograd.evidence.words import number
from tools.site.texts import escaped, literal
from tools.source import ROOT

RESULTS = ("acceptance", "generative", "claims")
"""Pages with a heading for each row or claim."""


@cache
def headings() -> dict[str, str]:
    """Each row and each claim that has results, with the page that tells of it."""
    return {
        name: f"docs/results/{page}.md"
        for page in RESULTS
        for name in re.findall(
            r"^## (\S+)$", (ROOT / f"docs/results/{page}.md").read_text(encoding="utf-8"), re.M
        )
    }


def proof(evidence: str, up: str, /) -> str:
    """What stands for a place: a test by its name, a claim or a row with a link.

    Args:
        evidence: as a card names it.
        up: from the page to the top of the site.
    """
    kind, colon, name = evidence.partition(":")
    if not colon:
        return f"`{evidence}`"
    return f"{said(kind)} {result(name, up)}"


def result(name: str, up: str, /) -> str:
    """A link to the results of a row or a claim."""
    page = headings().get(name)
    return f"[{name}]({up}/{page}#{name})" if page else f"`{name}`"


def to_place(place: dict[str, Any], /, *, zh: bool = False) -> str:
    """A link to a place of the map."""
    title = place["zh"] if zh else place["en"]
    return f"[{escaped(title)}](#{target(place['id'], zh=zh)})"


def target(place: str, /, *, zh: bool = False) -> str:
    """What a place is called in links.

    >>> target("activation/sigmoid")
    'place-activation-sigmoid'
    """
    return f"{'zh-' if zh else ''}place-{place.replace('/', '-')}"


def to_method(kind: str, name: str, up: str, /) -> str:
    """A link to the page of a method."""
    return f"[`{name}`]({up}/methods/{kind}/{name}.md)"


def claimed(claim: dict[str, Any], up: str, /, *, zh: bool = False) -> str:
    """A statement, what became of it, and a link to its figures."""
    text = escaped(claim["zh"] if zh else claim["en"])
    if claim["verdict"] is None:
        return f"{text} ({said('not measured yet')})"
    figure = f", {literal(claim['check'])} {number(claim['figure'])}" if claim["check"] else ""
    within = f", {claim['interval']}" if claim["interval"] else ""
    return f"{text}: **{said(claim['verdict'])}** ({result(claim['id'], up)}{figure}{within})"
