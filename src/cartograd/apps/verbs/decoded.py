"""Tokens as pieces of text, as they come: the bytes of one character are decoded together."""

from collections.abc import Iterator, Sequence

from cartograd.apps.load.writing import NEAR, Writing
from cartograd.core.eval_mode import evaluating

CHARACTER = 8
"""Most tokens that the bytes of one character may take."""


class Pieces:
    """A text, as its tokens come.

    Args:
        writing: who writes it.
        prompt: the tokens before.
        stop: tokens that end a text, and are none of it.
    """

    def __init__(self, writing: Writing, prompt: Sequence[int], stop: frozenset[int], /):
        self.writing, self.stop = writing, stop
        self._before, self._waiting = writing.before(prompt), list[int]()

    def add(self, token: int, /) -> str:
        """What can be read now that this token has come; often a word, sometimes nothing."""
        if token in self.stop:
            return ""
        self._waiting.append(token)
        text = self.writing.text(self._waiting, after=self._before)
        if text.endswith("\ufffd") and len(self._waiting) < CHARACTER:
            return ""
        self._before, self._waiting = [*self._before, *self._waiting][-NEAR:], []
        return text

    def rest(self) -> str:
        """What is left of the text at its end."""
        return self.writing.text(self._waiting, after=self._before)


def decoded(
    writing: Writing, prompt: list[int], tokens: Iterator[int], stop: frozenset[int], /
) -> Iterator[str]:
    """Tokens as pieces of text.

    Args:
        writing: who writes them.
        prompt: the tokens before.
        tokens: one after the other.
        stop: tokens that end a text, and are none of it.
    """
    pieces = Pieces(writing, prompt, stop)
    with evaluating(writing.signed):
        for token in tokens:
            if text := pieces.add(token):
                yield text
    if rest := pieces.rest():
        yield rest
