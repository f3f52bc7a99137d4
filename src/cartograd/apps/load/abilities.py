"""What each generative model can do in its smallest form, kept so that `show` builds none.

`python -m tools.abilities` writes the file; a test holds it against the models themselves.
"""

import json
from functools import cache

from cartograd.core import packages
from cartograd.core.card import Card
from cartograd.core.registry import ROOT
from cartograd.core.task import find

FILE = ROOT / "generative" / "abilities.json"

Abilities = tuple[dict[str, str], dict[str, str]]
"""What a model can do and how, and what it cannot and why."""


def generates(card: Card, /) -> bool:
    """Whether a card is that of a generative model."""
    return bool(card.answers and card.tiny) and find(card.answers).target == "example"


def kept(card: Card, /) -> Abilities | None:
    """What is kept of a model; None of one of a user's package.

    >>> from cartograd.core.registry import find
    >>> kept(find("ddpm", kind="model")[0])[0]["inpaint"]
    'repaint'
    """
    found = _all().get(card.name) if packages.home(card.module) is None else None
    return None if found is None else (found[0], found[1])


@cache
def _all() -> dict[str, list[dict[str, str]]]:
    return json.loads(FILE.read_text(encoding="utf-8"))
