"""The token that comes after each text."""

import torch

from cartograd.apps.answers.asked import Asked
from cartograd.apps.answers.classify import Labels
from cartograd.apps.answers.words import at


def answers(asked: Asked, /) -> list[Labels]:
    """The likeliest tokens after the last one that is there."""
    padding = asked.signature.input.padding_id
    tokens = asked.x.cpu()
    there = torch.ones_like(tokens, dtype=torch.bool) if padding is None else tokens != padding
    return at(asked, [int(row.nonzero()[-1]) for row in there])
