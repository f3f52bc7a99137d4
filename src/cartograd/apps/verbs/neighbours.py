"""Neighbours: the words whose vectors are nearest to a question's."""

from cartograd.apps.load.target import Target, as_signed
from cartograd.architectures.words import neighbours as words


def neighbours(target: Target, question: str, /) -> list[tuple[str, float]]:
    """The nearest words with their cosine, the nearest first.

    Args:
        target: a model of word vectors, a run, a bundle, or the path of one.
        question: a word, or words like `king - man + woman`.

    Raises:
        UsageError: the model has no word vectors, or does not know a word.
    """
    return words.neighbours(as_signed(target), question)
