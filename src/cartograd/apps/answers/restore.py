"""Whole pictures of degraded ones."""

from cartograd.apps.answers.asked import Asked
from cartograd.apps.answers.generate import Example


def answers(asked: Asked, /) -> list[Example]:
    """The outputs within the bounds of pictures."""
    low, high = asked.signature.output.bounds or (None, None)
    bounded = asked.outputs if low is None else asked.outputs.clamp(low, high)
    return [Example(content) for content in bounded.tolist()]
