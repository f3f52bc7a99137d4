"""Words at which a text ends, found as its pieces come, wherever these are cut."""

from collections.abc import Sequence


class Until:
    """A text up to the first of some words.

    The first is the one that is whole first; it is none of the text, and neither is what follows.
    So that nothing of it is sent, the end of what has come waits while it may be a beginning.

    Args:
        words: none of them is empty.

    >>> until = Until(["stop", "end"])
    >>> [until.add(piece) for piece in ("no st", "ep, s", "to", "p it")], until.met
    (['no ', 'step, ', '', ''], True)
    """

    def __init__(self, words: Sequence[str], /):
        self.words, self.met = tuple(words), False
        self._held = ""

    def add(self, piece: str, /) -> str:
        """What may be sent now; `met` tells whether the text has ended by it."""
        if self.met or not self.words:
            return "" if self.met else piece
        self._held += piece
        found = [
            (place + len(word), place)
            for word in self.words
            if (place := self._held.find(word)) >= 0
        ]
        if found:
            self.met = True
            sent, self._held = self._held[: min(found)[1]], ""
            return sent
        kept = max(map(self._begun, self.words))
        sent, self._held = self._held[: len(self._held) - kept], self._held[-kept:] if kept else ""
        return sent

    def rest(self) -> str:
        """What is left at the end of the text."""
        sent, self._held = self._held, ""
        return sent

    def _begun(self, word: str) -> int:
        """How many letters at the end may be the beginning of a word."""
        sizes = range(min(len(word) - 1, len(self._held)), 0, -1)
        return next((size for size in sizes if self._held.endswith(word[:size])), 0)
