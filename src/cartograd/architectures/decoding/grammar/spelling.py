r"""What patterns and grammars spell alike: escapes, sets of characters, how many times.

>>> Spelling("x-z]", "the pattern").set_of({})
((120, 122),)
>>> Spelling("{2,}?", "the pattern").times()
(2, None)
"""

import re
from collections.abc import Mapping

from cartograd.architectures.decoding.grammar.expressions import SURROGATES, inverted, merged
from cartograd.core.errors import UsageError

Ranges = tuple[tuple[int, int], ...]

CONTROLS = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11, "0": 0}
"""Escapes of one letter that mean a character."""

HEX = {"x": 2, "u": 4, "U": 8}
"""Escapes that give a character's number, and its digits."""

TIMES = {"*": (0, None), "+": (1, None), "?": (0, 1)}


class Spelling:
    """A text that is read from left to right.

    Args:
        text: of a pattern or a grammar.
        name: what messages call it.

    Attributes:
        place: how far it is read.
        ended: whether it said that nothing may follow.
    """

    def __init__(self, text: str, name: str, /) -> None:
        self.text, self.name = text, name
        self.place, self.ended = 0, False

    @property
    def here(self) -> str:
        """The next character; empty at the end."""
        return self.text[self.place : self.place + 1]

    @property
    def rest(self) -> str:
        """All that is not read."""
        return self.text[self.place :]

    def take(self) -> str:
        """Read a character."""
        char = self.here
        self.place += 1
        return char

    def taken(self, word: str, /) -> bool:
        """Read a word if it stands here."""
        if not self.text.startswith(word, self.place):
            return False
        self.place += len(word)
        return True

    def wrong(self, said: str, /) -> UsageError:
        """An error about what stands here."""
        place = min(self.place, len(self.text))
        line = self.text.count("\n", 0, place) + 1
        column = place - self.text.rfind("\n", 0, place)
        return UsageError(f"{self.name}, line {line}, column {column}: {said}")

    def times(self) -> tuple[int, int | None]:
        """How many times what was read before may stand: `* + ? {m} {m,} {m,n}`, or once.

        Raises:
            UsageError: the numbers are in the wrong order or unreadable.
        """
        if self.here in TIMES and self.here:
            low, high = TIMES[self.take()]
        elif self.here == "{":
            found = re.match(r"\{(\d+)(,(\d*))?\}", self.rest)
            if found is None:
                raise self.wrong("expected {m}, {m,} or {m,n}; write \\{ for a brace")
            low = int(found[1])
            high = low if found[2] is None else int(found[3]) if found[3] else None
            if high is not None and high < low:
                raise self.wrong(f"{found[0]} asks for at least {low} and at most {high}")
            self.place += len(found[0])
        else:
            return 1, 1
        self.taken("?")  # a lazy one has the same texts
        return low, high

    def set_of(self, classes: Mapping[str, Ranges], /) -> Ranges:
        """The characters of a set, of which the opening bracket is read.

        Raises:
            UsageError: it is not closed, or has something unknown.
        """
        outside, found = self.taken("^"), list[tuple[int, int]]()
        while not self.taken("]"):
            if not self.here:
                raise self.wrong("a set [...] is not closed")
            low = self._member(classes)
            if self.here == "-" and self.rest[1:2] not in ("]", ""):
                self.take()
                high = self._member(classes)
                if not (_single(low) and _single(high)) or high[0][0] < low[0][0]:
                    raise self.wrong("a range goes from a character to a later one")
                low = ((low[0][0], high[0][0]),)
            found += low
        return inverted(found) if outside else inverted(inverted(merged(found)))

    def _member(self, classes: Mapping[str, Ranges]) -> Ranges:
        char = self.take()
        if char == "\\":
            return self.escaped(classes)
        return ((ord(char), ord(char)),)

    def escaped(self, classes: Mapping[str, Ranges], /) -> Ranges:
        """The characters that an escape means, of which the backslash is read.

        Raises:
            UsageError: it is not known.
        """
        char = self.take()
        if char in classes and char:
            return classes[char]
        if char in CONTROLS and char and not (char == "0" and self.here.isdigit()):
            return ((CONTROLS[char], CONTROLS[char]),)
        if char in HEX and char:
            digits = self.text[self.place : self.place + HEX[char]]
            if not re.fullmatch(rf"[0-9a-fA-F]{{{HEX[char]}}}", digits):
                raise self.wrong(f"\\{char} wants {HEX[char]} hexadecimal digits")
            number = int(digits, 16)
            if number > 0x10FFFF or SURROGATES[0] <= number <= SURROGATES[1]:
                raise self.wrong(f"\\{char}{digits} is no character")
            self.place += HEX[char]
            return ((number, number),)
        if not char or char.isalnum():
            raise self.wrong(f"the escape \\{char} is not known")
        return ((ord(char), ord(char)),)


def _single(ranges: Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]
