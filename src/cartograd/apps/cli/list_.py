"""The methods of the library, all or of one kind."""

from cartograd.apps.cli import output
from cartograd.core import packages, registry
from cartograd.core.card import KINDS, Card
from cartograd.core.language import chinese

FIELDS = ("name", "kind", "nodes", "title", "zh", "paper", "year", "url", "proofs")
"""What `--json` tells of each card."""


def list_(kind: str | None = None, /, *, json: bool = False) -> None:
    """The methods of the library, all or of one kind.

    Args:
        kind: activation, adapter, attack, augmentation, average, clipping, compressor, data,
            decoding, degradation, demonstration, detector, diagnostic, explainer, exporter,
            federated, initialiser, layer, loss, measurement, metric, model, normalisation,
            objective, optimizer, poison, privacy, privacy-attack, purifier, regulariser,
            sample-metric, sampler, schedule, secure-inference, study, technique, text-metric,
            token-sampler, verifier or weights; all if left out.
        json: print one array of all cards.
    """
    cards = registry.methods(kind)
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


def _package(card: Card) -> dict[str, str]:
    """Whose method it is."""
    package = packages.home(card.module)
    return {"package": packages.OURS if package is None else package.name}


def _row(card: Card, *, zh: bool) -> tuple[object, ...]:
    presets = list(card.presets)
    shown = ", ".join(presets[:4]) + (f", +{len(presets) - 4}" if len(presets) > 4 else "")
    title = card.zh if zh else card.title
    return card.name, card.kind, title, card.year or "", shown, len(card.proofs)
