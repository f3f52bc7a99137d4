"""Find cards by reading source files: no import of any method, no registration by side effect."""

import ast
import os
import re
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from cartograd.core import packages
from cartograd.core.card import KINDS, Card
from cartograd.core.errors import UsageError, unknown

ROOT = Path(__file__).parents[1]
HINT = "(`cartograd list` shows all; --import MODULE adds those of your own)"
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


def _block(text: str, name: str) -> str | None:
    """The literal of that name at column 0, looked for from where it begins."""
    begin = text.find(f"\n{name} = ")
    found = None if begin < 0 else _BLOCK[name].search(text, begin)
    return None if found is None else found[0]


def read_card(path: str | Path, module: str = "", /) -> Card | None:
    """The card in a source file, or None if the file has none.

    Args:
        path: the file.
        module: its dotted name, where it is none of ours.
    """
    with open(path, "rb") as file:
        content = file.read()
    if b"\nCARD = Card(" not in content:  # before decoding it
        return None
    text = content.decode().replace("\r\n", "\n")
    block = _block(text, "CARD")
    if block is None:
        return None
    presets = _block(text, "PRESETS")
    module = module or ".".join(Path(path).relative_to(ROOT.parent).with_suffix("").parts)
    card = Card(**_literal(block))
    return replace(card, module=module, presets=_literal(presets) if presets else {})


class Cards(dict[tuple[str, str], Card]):
    """Cards by (kind, name), and an index of all the names that they go by."""

    @cached_property
    def by_name(self) -> tuple[dict[str, list[tuple[Card, str]]], ...]:
        """Cards by name or preset, and by alias; each with the name or preset that is meant."""
        named: dict[str, list[tuple[Card, str]]] = {}
        aliases: dict[str, list[tuple[Card, str]]] = {}
        for card in self.values():
            for name in (card.name, *card.presets):
                named.setdefault(_alike(name), []).append((card, name))
            for name in card.aliases:
                aliases.setdefault(_alike(name), []).append((card, card.name))
        return named, aliases


@cache
def cards() -> Cards:
    """Every card of the library by (kind, name), in the order of the map's rooms and names."""
    by_name = Cards()
    taken: dict[tuple[str, str], Card] = {}
    for path in _sources():
        card = read_card(path)
        if card is None:
            continue
        assert card.kind in KINDS, f"{path}: unknown kind {card.kind!r}"
        for name in (card.name, *card.presets, *card.aliases):
            own = card.kind, _alike(name)
            assert own not in taken, f"{path}: {own[0]} {own[1]} is taken by {taken[own].module}"
            taken[own] = card
        by_name[card.kind, card.name] = card
    for package in packages.others():
        _add(package, by_name, taken)
    return by_name


def _sources() -> list[str]:
    """The library's files, in the order of their paths; `rglob` takes three times as long."""
    found = [
        os.path.join(folder, name)
        for folder, _, names in os.walk(ROOT)
        for name in names
        if name.endswith(".py")
    ]
    return sorted(found, key=lambda path: path.split(os.sep))


def forget() -> None:
    """Read all cards anew when they are asked for: the packages have changed."""
    cards.cache_clear()


def _add(package: packages.Package, found: Cards, taken: dict[tuple[str, str], Card]) -> None:
    """Add the cards of a user's package to those that were found.

    Raises:
        UsageError: a card cannot be read, its kind is unknown, or a name is taken.
    """
    for path in package.files():
        module = package.module(path)
        try:
            card = read_card(path, module)
        except (OSError, SyntaxError, TypeError, ValueError) as error:
            raise UsageError(
                f"{path}: its card cannot be read ({error}); expected literals only: name, kind, "
                "entry, title, zh, ..."
            ) from error
        if card is None:
            continue
        if card.kind not in KINDS:
            raise unknown(f"kind in {path}:", card.kind, KINDS)
        for own in (card.name, *card.presets, *card.aliases):
            other = taken.get((card.kind, _alike(own)))
            if other is not None and other.module != module:
                raise UsageError(
                    f"{path}: the name {own!r} is taken by the {other.kind} of {other.module}; "
                    f"choose another, like {module.partition('.')[0].replace('_', '-')}-{own}"
                )
            taken[card.kind, _alike(own)] = card
        found[card.kind, card.name] = card


def names(*, kind: str | None = None) -> list[str]:
    """Names of methods and of their presets, of one kind or of all."""
    chosen = [card for card in cards().values() if kind in (None, card.kind)]
    return [name for card in chosen for name in (card.name, *card.presets)]


def spellings(*, kind: str | None = None) -> list[str]:
    """The same, and the other names that they answer to."""
    chosen = [card for card in cards().values() if kind in (None, card.kind)]
    return [*names(kind=kind), *(alias for card in chosen for alias in card.aliases)]


def lookup(name: str, /, *, kind: str | None = None) -> list[tuple[Card, str]]:
    """The cards that a name may mean, each with its own spelling: names first, then aliases."""
    for index in cards().by_name:
        matches = [item for item in index.get(_alike(name), ()) if kind in (None, item[0].kind)]
        if matches:
            return matches
    return []


def find(name: str, /, *, kind: str | None = None) -> tuple[Card, dict[str, Any]]:
    """The card for a method's name, preset or alias, and the preset's arguments.

    Hyphens and underscores are alike, so `roc_auc` finds `roc-auc`.

    Raises:
        UsageError: no such name, one of another kind, or methods of several kinds have it.
    """
    matches = lookup(name, kind=kind)
    if len(matches) == 1:
        card, own = matches[0]
        return card, dict(card.presets.get(own, {}))
    if matches:
        forms = ", ".join(f"{card.kind} {own}" for card, own in matches)
        raise UsageError(f"{name!r} is the name of several methods; say which: {forms}")
    others = [card.kind for card, _ in lookup(name)]
    if others:
        raise UsageError(
            f"{name!r} is of kind {' and '.join(map(repr, others))}, expected {kind!r}: "
            f"one of {', '.join(names(kind=kind)) or 'none yet'}"
        )
    raise unknown(kind or "method", name, spellings(kind=kind), hint=HINT)


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
