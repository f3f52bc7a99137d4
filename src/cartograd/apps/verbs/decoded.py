"""Tokens as pieces of text, as they come: the bytes of one character are decoded together."""

from collections.abc import Iterator

from cartograd.apps.load.writing import NEAR, Writing
from cartograd.core.eval_mode import evaluating

CHARACTER = 8
"""Most tokens that the bytes of one character may take."""


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
    before, waiting = writing.before(prompt), list[int]()
    with evaluating(writing.signed):
        for token in tokens:
            if token in stop:
                continue
            waiting.append(token)
            text = writing.text(waiting, after=before)
            if text.endswith("\ufffd") and len(waiting) < CHARACTER:
                continue
            if text:
                yield text
            before, waiting = [*before, *waiting][-NEAR:], []
    rest = writing.text(waiting, after=before)
    if rest:
        yield rest
