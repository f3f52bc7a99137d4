"""The token behind the mask of each text."""

from typing import Any

from jaxtyping import Int
from torch import Tensor

from cartograd.apps.answers.asked import Asked
from cartograd.apps.answers.classify import Labels
from cartograd.apps.answers.words import at
from cartograd.core.errors import UsageError


def answers(asked: Asked, /) -> list[Labels]:
    """The likeliest tokens behind the mask.

    Raises:
        UsageError: there is no mask in a text, or more than one.
    """
    return at(asked, [_mask(row, asked.tokenizer) for row in asked.x.cpu()])


def _mask(row: Int[Tensor, " t"], tokenizer: Any) -> int:
    if tokenizer is None or tokenizer.mask is None:
        raise UsageError("there is no tokenizer that knows a mask; give the model's own numbers")
    places = (row == tokenizer.mask).nonzero().flatten().tolist()
    if len(places) != 1:
        word = tokenizer.token(tokenizer.mask)
        raise UsageError(f"the text has {len(places)} masks; write {word} where one token belongs")
    return places[0]
