"""The looks of `diagnose`, by name."""

from collections.abc import Sequence

from cartograd.core.errors import unknown

LOOKS = ("layers", "rate", "noise", "batch")
"""At a model in training: layers, learning rate, gradient noise, largest batch."""

LENGTH_LOOKS = ("needle", "position")
"""At a language model that reads long texts."""


def check_looks(words: Sequence[str], among: Sequence[str] = LOOKS, /) -> None:
    """Refuse what is no look.

    Raises:
        UsageError: which, with the nearest.
    """
    for word in words:
        if word not in among:
            raise unknown("look", word, among)
