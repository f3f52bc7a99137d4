"""The methods of the library, all or of one kind."""

from typing import Annotated

from cartograd.apps.cli import output
from cartograd.apps.cli.following import following
from cartograd.apps.cli.names import naming
from cartograd.core import concepts, packages, registry
from cartograd.core.card import KINDS, Card
from cartograd.core.errors import nearest
from cartograd.core.language import chinese
from cartograd.core.sought import sought

SLIP = 0.85
"""How like a kind a word is that is taken for a slip of it, and not for a part of a title."""

FIELDS = ("name", "kind", "nodes", "title", "zh", "paper", "year", "url", "proofs")
"""What `--json` tells of each card."""


def list_(*names: Annotated[str, naming("name")], json: bool = False) -> None:
    """The methods of the library, all, or of one kind, or of a part of the map.

    Args:
        names: a kind: activation, adapter, attack, augmentation, average, clipping, compressor,
            data, decoding, degradation, demonstration, detector, diagnostic, explainer, exporter,
            federated, initialiser, layer, loss, measurement, metric, model, normalisation,
            objective, optimizer, poison, privacy, privacy-attack, purifier, regulariser,
            sample-metric, sampler, schedule, secure-inference, study, technique, text-metric,
            token-sampler, verifier or weights; a section of the notes (1.2, 003 一.2) or a place,
            by whatever name; all if left out.
        json: print one array of all cards.
    """
    cards = _chosen(" ".join(names))
    if json:
        output.emit(
            [{field: getattr(card, field) for field in FIELDS} | _package(card) for card in cards]
        )
        return
    cards.sort(key=lambda card: KINDS.index(card.kind))
    heads = ("name", "kind", "title", "year", "presets", "proofs")
    others = bool(packages.others())
    output.table(
        (*heads, "package") if others else heads,
        [
            _row(card, zh=chinese()) + ((_package(card)["package"],) if others else ())
            for card in cards
        ],
        right=("year", "proofs"),
    )
    if cards:
        output.lines(following("show", cards[0].kind, cards[0].name))


def _chosen(name: str) -> list[Card]:
    """The methods of a kind, of a section, of a place, or of a name.

    Raises:
        UsageError: there is no such kind, and nothing is called so.
    """
    if not name or name in KINDS:
        return registry.methods(name or None)
    found = sought(name)
    if not found or (nearest(name, KINDS, alike=SLIP) and not registry.lookup(name)):
        registry.methods(name)  # an unknown kind, with the nearest
    places = {one.id for one in found.places}
    places |= {one.id for one in concepts.places() if one.section == found.section}
    own = [card for card, _ in found.cards]
    return [card for card in registry.methods() if card in own or places & set(card.nodes)]


def _package(card: Card) -> dict[str, str]:
    """Whose method it is."""
    package = packages.home(card.module)
    return {"package": packages.OURS if package is None else package.name}


def _row(card: Card, *, zh: bool) -> tuple[object, ...]:
    presets = list(card.presets)
    shown = ", ".join(presets[:4]) + (f", +{len(presets) - 4}" if len(presets) > 4 else "")
    title = card.zh if zh else card.title
    return card.name, card.kind, title, card.year or "", shown, len(card.proofs)
