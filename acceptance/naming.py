"""A reward: whether an answer begins with the word that it was asked about, as an entry does."""

import re
from collections.abc import Sequence

ASKED = re.compile(r"What does (\w+) mean\?")


def first(texts: Sequence[str], prompts: Sequence[str], /) -> list[float]:
    """1 for an answer that begins so, whatever marks stand before the word; else 0.

    >>> asked = ["What does rain mean?"] * 3
    >>> first(['"Rain" is water that falls.', "Rainfall in a day.", "It falls."], asked)
    [1.0, 0.0, 0.0]
    """
    return [
        float(begun(text) == ASKED.findall(prompt)[-1].lower())
        for text, prompt in zip(texts, prompts, strict=True)
    ]


def begun(text: str, /) -> str:
    """The first word, in small letters.

    >>> begun('  "Rain" falls')
    'rain'
    """
    found = re.search(r"\w+", text)
    return "" if found is None else found[0].lower()
