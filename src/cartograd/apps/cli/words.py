"""Words of flags that several commands read: parts of the data, specs between commas."""

import re

from cartograd.core.errors import unknown

PARTS = ("train", "valid", "test", "all")


def part_of(word: str, /) -> str:
    """A part of the data, if it is one.

    Raises:
        UsageError: it is none.
    """
    if word not in PARTS:
        raise unknown("part of the data", word, PARTS)
    return word


def split(texts: tuple[str, ...], /) -> list[str]:
    """Specs from words with commas; a piece that is key=value belongs to the spec before it.

    >>> split(("accuracy,f1:average=weighted,bins=3", "ece"))
    ['accuracy', 'f1:average=weighted,bins=3', 'ece']
    """
    found: list[str] = []
    for piece in (piece.strip() for text in texts for piece in text.split(",")):
        if found and re.match(r"\w+=", piece):
            found[-1] += f",{piece}"
        elif piece:
            found.append(piece)
    return found
