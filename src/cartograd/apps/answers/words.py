"""Tokens as answers: the likeliest ones at a position, and their text."""

from typing import Any

from cartograd.apps.answers.asked import Asked
from cartograd.apps.answers.classify import Labels, named
from cartograd.apps.answers.probabilities import class_probabilities


def at(asked: Asked, positions: list[int], /) -> list[Labels]:
    """The likeliest tokens at one position of each text."""
    answers = []
    for row, position in zip(class_probabilities(asked.outputs), positions, strict=True):
        shares, order = row[position].topk(min(asked.top or row.shape[-1], row.shape[-1]))
        tokens = [token_text(number, asked) for number in order.tolist()]
        answers.append(named(shares, tokens, None))
    return answers


def token_text(number: int, asked: Asked, /) -> str:
    """The text of a token; part of a character as its vocabulary writes it."""
    tokenizer: Any = asked.tokenizer
    if tokenizer is None:
        return asked.labels[number]
    text = tokenizer.decode([number], special=True)
    return tokenizer.token(number) if not text or "\ufffd" in text else text
