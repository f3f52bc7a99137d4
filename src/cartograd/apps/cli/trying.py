"""A line to try for each place of the map: the claim about it, or its method at work."""

from collections.abc import Mapping, Sequence
from functools import cache

from cartograd.core import registry
from cartograd.core.card import Card
from cartograd.core.concepts import Place
from cartograd.core.spec import Spec

LINES: Mapping[str, str] = {
    "activation": "cartograd show activation {name} --out {name}.png",
    "attack": "cartograd attack RUN --method {name}",
    "compressor": "cartograd compress RUN --method {name}",
    "explainer": "cartograd explain RUN --method {name}",
    "exporter": "cartograd export RUN --to {name} --check",
    "metric": "cartograd evaluate RUN --metrics {name}",
    "privacy-attack": "cartograd leak RUN --method {name}",
    "purifier": "cartograd defend RUN --method {name}",
    "schedule": "cartograd show schedule {spec}",
    "study": "cartograd explain RUN --method {name}",
    "verifier": "cartograd verify RUN --method {name}",
}
"""What shows a method of a kind at work; RUN is a run of one's own."""

OWN: Mapping[str, str] = {
    "autodiff": "cartograd trace",
    "cnn/classical-filters": "cartograd trace filters",
    "cnn/receptive-field": "cartograd trace field lenet5",
    "data/prepare": "cartograd data check digits",
    "deploy/cost": "cartograd cost RUN",
    "deploy/server": "cartograd serve RUN",
    "guide/choose": "cartograd train --data breast-cancer --print-config",
    "optim/gd": "cartograd trace descent",
    "train/grad-accumulation": "cartograd train mlp --data digits --set accumulate=4",
    "train/loop": "cartograd tour",
    "train/mixed-precision": "cartograd train lenet5 --data digits --set precision=bf16",
    "train/tune": "cartograd train auto --data breast-cancer --minutes 1",
}
"""Places that a verb shows better than one of their methods."""


def line(place: Place, cards: Sequence[Card], /) -> str:
    """A command that shows a place; of one that is not here yet what the map asks of it.

    Args:
        place: of the map.
        cards: its methods.
    """
    if place.id in OWN:
        return OWN[place.id]
    if claim := _claims().get(place.id):
        return f"cartograd claim {claim}"
    for card in cards:
        if card.kind in LINES:
            return LINES[card.kind].format(name=card.name, spec=Spec(card.name, card.tiny))
    last = place.id.rpartition("/")[2]
    card = min(cards, key=lambda one: one.name != last, default=None)
    return f"cartograd show {place.id if card is None else f'{card.kind} {card.name}'}"


@cache
def _claims() -> dict[str, str]:
    """The first claim of each place that has an experiment."""
    from cartograd.evidence.claim import claims

    return {one.place: name for name, one in reversed(claims().items())}


def methods() -> dict[str, list[Card]]:
    """The methods of each place."""
    found: dict[str, list[Card]] = {}
    for card in registry.cards().values():
        for node in card.nodes:
            found.setdefault(node, []).append(card)
    return found
