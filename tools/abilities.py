"""Write down what each generative model can do, for `cartograd show`.

python -m tools.abilities
"""

import json

from cartograd.apps.load.abilities import FILE, generates
from cartograd.apps.verbs.capabilities import abilities_of
from cartograd.core import registry


def text() -> str:
    """The file's content: by the model's name what it can do, and what it cannot."""
    cards = [card for card in registry.methods("model") if generates(card)]
    return json.dumps({card.name: abilities_of(card) for card in cards}, indent=1) + "\n"


def main() -> None:
    """Write the file."""
    FILE.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
