"""The map as pages: a page for each section, in both languages."""

from collections.abc import Iterator, Mapping
from typing import Any

from cartograd.apps.cli.trying import methods
from cartograd.core import concepts
from cartograd.core.language import said, speaking
from cartograd.core.sought import NOTES, heading
from tools.site.links import claimed, proof, target, to_method
from tools.site.texts import code, escaped, table, toctree


def pages(places: Mapping[str, dict[str, Any]], /, *, zh: bool) -> Iterator[tuple[str, str]]:
    """The path and the text of each page of the map.

    Args:
        places: what is known of each place, by its id.
        zh: in Chinese.
    """
    top = "zh/map" if zh else "map"
    with speaking("zh" if zh else "en"):
        yield f"{top}/index.md", _contents(zh=zh)
        for section in _order():
            inside = [one for one in places.values() if one["section"] == section]
            yield f"{top}/{file(section)}.md", _page(section, inside, zh=zh)


def _order() -> list[str]:
    """The sections in the order of the notes."""
    return sorted(concepts.sections(), key=lambda section: heading(section)[:3])


def file(section: str, /) -> str:
    """The name of a section's page.

    >>> file("3.3")
    'section-3-3'
    """
    return f"section-{section.replace('.', '-')}"


def _contents(*, zh: bool) -> str:
    found = concepts.coverage()
    totals = {one.section: one for one in found.sections}
    blocks = []
    for note, (chinese, english) in NOTES.items():
        rows = [
            (f"[{heading(one)[3:].strip() or one} {totals[one].zh if zh else totals[one].en}]"
             f"({file(one)}.md)", str(totals[one].holds), str(totals[one].in_part),
             str(totals[one].places))
            for one in _order() if heading(one).startswith(note)
        ]  # fmt: skip
        head = (said("section"), said("holds"), said("in part"), said("places"))
        if rows:
            blocks.append(f"## {note} {chinese if zh else english}\n{table(head, rows)}")
    total = found.total
    counts = f"{total.places} places: {total.holds} hold, {total.in_part} in part."
    if zh:
        counts = f"{total.places} 个位置：{total.holds} 个成立，{total.in_part} 个部分成立。"
    title = "# 地图" if zh else "# The map"
    return "\n".join([f"{title}\n{counts}\n", *blocks, toctree(map(file, _order()))])


def _page(section: str, places: list[dict[str, Any]], *, zh: bool) -> str:
    chinese, english = concepts.sections()[section]
    parts = [f"# {heading(section)} {chinese if zh else english}\n"]
    parts += [_place(one, zh=zh) for one in places]
    return "\n".join(parts)


def _place(place: dict[str, Any], *, zh: bool) -> str:
    up = "../.." if zh else ".."
    cards = methods().get(place["id"], [])
    state = concepts.STATES[place["state"]] if zh else place["state"]
    asks, lacks, by, shown = ("要求", "还缺", "方法", "依据") if zh else (
        "asks", "missing", "methods", "shown by")  # fmt: skip
    rows = [
        (said("state"), f"**{state}**"),
        (asks, escaped(place["done_when"])),
        (by, ", ".join(to_method(card.kind, card.name, up) for card in cards)),
        (shown, ", ".join(proof(one, up) for one in place["evidence"])),
        (lacks, "; ".join(map(escaped, place["missing"]))),
    ]
    title = escaped(place["zh"] if zh else place["en"])
    lines = [f"({target(place['id'], zh=zh)})=\n## {title}\n`{place['id']}`\n"]
    lines += [f"- {name}: {text}" for name, text in rows if text]
    lines += [f"- {claimed(claim, up, zh=zh)}" for claim in place["claims"]]
    return "\n".join(lines) + "\n\n" + code(f"$ {place['try']}", "console")
