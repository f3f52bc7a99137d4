"""Tokens as answers: their positions, and their text."""

from typing import Any

from cartograd.apps.answers.asked import Asked
from cartograd.apps.answers.classify import Labels, named
from cartograd.apps.answers.probabilities import class_probabilities


def at(asked: Asked, places: list[int], /) -> list[Labels]:
    """The likeliest tokens at one place of each text."""
    found = []
    for row, place in zip(class_probabilities(asked.outputs), places, strict=True):
        shares, order = row[place].topk(min(asked.top or row.shape[-1], row.shape[-1]))
        words = [spelled(number, asked) for number in order.tolist()]
        found.append(named(shares, words, None))
    return found


def spelled(number: int, asked: Asked, /) -> str:
    """A token for a reader; half a letter as its vocabulary spells it."""
    tokenizer: Any = asked.tokenizer
    if tokenizer is None:
        return asked.labels[number]
    text = tokenizer.decode([number], special=True)
    return tokenizer.token(number) if not text or "\ufffd" in text else text
