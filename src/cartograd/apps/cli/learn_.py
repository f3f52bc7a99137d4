"""The notes in their order, a page at a time: what they say, what runs, what was measured.

`learn` lists the pages, `learn 003` begins a note, `learn next` goes on where you were, and
`learn 一.2`, `learn 1.2` or `learn attention` opens one page.
"""

from pathlib import Path
from typing import Annotated

from cartograd.apps.cli import output
from cartograd.apps.cli.names import naming
from cartograd.core import concepts
from cartograd.core.cache import cache_folder
from cartograd.core.errors import UsageError
from cartograd.core.language import chinese
from cartograd.core.sought import NOTES, heading, place, sought

MARK = "learn.txt"
"""The file in the cache that says which page was open last."""


def learn_(*words: Annotated[str, naming("name")], json: bool = False) -> None:
    """The notes in their order, a page at a time: what they say, what runs, what was measured.

    Args:
        words: a note (000, 001, 002 or 003), a heading (003 一.2, or 1.2), a place of the map or a
            method; next for the page after the last one; left out, all pages are listed.
        json: print one object.
    """
    zh, order = chinese(), _order()
    if not words:
        _contents(order, zh, json)
        return
    section = _section(" ".join(words), order)
    from cartograd.apps.cli.places import page, show_page

    found, after = page(section), order[order.index(section) + 1 :][:1]
    kept = _mark(section)
    if json:
        output.emit(found | {"next": after[0] if after else None})
        return
    show_page(found, zh=zh)
    print()
    if not after:
        output.say("this was the last page; cartograd learn lists all of them")
        return
    title = concepts.sections()[after[0]][0 if zh else 1]
    command = "learn next" if kept else f"learn {after[0]}"
    output.say(f"next  cartograd {command}  ({heading(after[0])} {title})")


def _order() -> list[str]:
    """The sections in the order of the notes; those of the map come last, after its sources."""
    found = list(concepts.sections())
    return sorted(found, key=lambda section: _note(section))


def _note(section: str) -> str:
    """The note of a section."""
    return heading(section)[:3]


def _section(name: str, order: list[str]) -> str:
    """The page that a name opens.

    Raises:
        UsageError: nothing on the map is called so, or there is no further page.
    """
    if name == "next":
        last = _last()
        if last not in order:
            return order[0]
        if order[-1] == last:
            raise UsageError("this was the last page; cartograd learn lists all of them")
        return order[order.index(last) + 1]
    if name in NOTES:
        return next(one for one in order if _note(one) == name)
    return sought(name).section or place(name).section


def _file() -> Path:
    return cache_folder() / MARK


def _last() -> str:
    """The page that was open last; empty if none was."""
    try:
        return _file().read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


def _mark(section: str) -> bool:
    """Note which page is open; False where nothing can be written, which is no reason to stop."""
    try:
        _file().parent.mkdir(parents=True, exist_ok=True)
        _file().write_text(section, encoding="utf-8")
    except (OSError, ValueError):
        return False
    return True


def _contents(order: list[str], zh: bool, json: bool) -> None:
    totals = {one.section: one for one in concepts.coverage().sections}
    last = _last()
    if json:
        output.emit({"pages": [vars(totals[one]) | {"heading": heading(one)} for one in order],
                     "last": last or None})  # fmt: skip
        return
    rows = [
        (heading(one), totals[one].zh if zh else totals[one].en, totals[one].holds,
         totals[one].places, f"cartograd learn {one}", "you are here" if one == last else "")
        for one in order
    ]  # fmt: skip
    output.table(("heading", "title", "holds", "of", "page", ""), rows, right=("holds", "of"))
    output.say(f"next  cartograd learn {'next' if last else '003'}")
