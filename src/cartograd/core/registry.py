"""Find cards by reading source files: no import of any method, no registration by side effect."""

import ast
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from cartograd.core.card import KINDS, Card
from cartograd.core.errors import UsageError, unknown

ROOT = Path(__file__).parents[1]
_BLOCK = {
    name: re.compile(rf"^{name} = (?:Card\(|\{{)\n.*?^[)}}]$", re.MULTILINE | re.DOTALL)
    for name in ("CARD", "PRESETS")
}


def _literal(block: str) -> dict[str, Any]:
    """The value of `NAME = Card(key=literal, ...)` or `NAME = {...}`."""
    value = ast.parse(block).body[0].value  # type: ignore[attr-defined]
    if isinstance(value, ast.Call):
        return {item.arg: ast.literal_eval(item.value) for item in value.keywords if item.arg}
    return ast.literal_eval(value)


def read_card(path: Path, /) -> Card | None:
    """The card in a source file, or None if the file has none."""
    text = path.read_text(encoding="utf-8")
    block = _BLOCK["CARD"].search(text) if "\nCARD = Card(" in text else None
    if block is None:
        return None
    presets = _BLOCK["PRESETS"].search(text)
    module = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
    card = Card(**_literal(block[0]))
    return replace(card, module=module, presets=_literal(presets[0]) if presets else {})


@cache
def cards() -> dict[str, Card]:
    """Every card of the library by name, in the order of the map's rooms and names."""
    found: dict[str, Card] = {}
    taken: set[str] = set()
    for path in sorted(ROOT.rglob("*.py")):
        card = read_card(path)
        if card is None:
            continue
        own = {_alike(name) for name in (card.name, *card.presets)}
        assert not taken & own, f"{path}: the name {taken & own} is taken"
        taken |= own
        assert card.kind in KINDS, f"{path}: unknown kind {card.kind!r}"
        found[card.name] = card
    return found


def names(*, kind: str | None = None) -> list[str]:
    """Names of methods and of their presets, of one kind or of all."""
    chosen = [card for card in cards().values() if kind in (None, card.kind)]
    return [name for card in chosen for name in (card.name, *card.presets)]


def find(name: str, /, *, kind: str | None = None) -> tuple[Card, dict[str, Any]]:
    """The card for a method's or preset's name, and the preset's arguments.

    Hyphens and underscores are alike, so `roc_auc` finds `roc-auc`.

    Raises:
        UsageError: no such name, or one of another kind.
    """
    for card in cards().values():
        known = {_alike(own): own for own in (card.name, *card.presets)}
        own = known.get(_alike(name))
        if own is None:
            continue
        if kind not in (None, card.kind):
            raise UsageError(
                f"{name!r} is of kind {card.kind!r}, expected {kind!r}: "
                f"one of {', '.join(names(kind=kind)) or 'none yet'}"
            )
        return card, dict(card.presets.get(own, {}))
    raise unknown(kind or "method", name, names(kind=kind), hint="(`cartograd list` shows all)")


def _alike(name: str) -> str:
    return name.replace("_", "-")


def methods(kind: str | None = None, /) -> list[Card]:
    """The cards of all methods, or of those of a kind.

    Raises:
        UsageError: an unknown kind.
    """
    if kind is not None and kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    return [card for card in cards().values() if kind in (None, card.kind)]
