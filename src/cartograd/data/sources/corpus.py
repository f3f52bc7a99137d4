"""English texts of the store, as plain running text: what vectors of words are learned from."""

import re
from collections.abc import Callable
from pathlib import Path

from cartograd.core.errors import UsageError
from cartograd.data.store import packages
from cartograd.data.store.debian import paragraphs, prose

WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
"""Letters, with apostrophes and hyphens inside."""

VERSES = 60
"""Verses that are a text together."""


def texts(names: tuple[str, ...], /) -> list[str]:
    """The texts of some sets that have been fetched.

    Raises:
        UsageError: there is no such set, or it has not been fetched.
    """
    strange = [name for name in names if name not in READERS]
    if strange:
        raise UsageError(f"{strange[0]!r} has no English texts; expected some of {list(READERS)}")
    return [text for name in names for text in READERS[name](packages.where(name))]


def words(text: str, /) -> list[str]:
    """The words of a text in small letters, without numbers and marks.

    >>> words("The mother-in-law's 3 dogs: Don't!")
    ['the', "mother-in-law's", 'dogs', "don't"]
    """
    return WORD.findall(text.lower().replace("’", "'"))


def _bible(folder: Path) -> list[str]:
    from cartograd.data.sources.bible import verses

    lines = [verse for part in ("ot", "nt") for verse in verses(folder, f"kjv-{part}") if verse]
    return [" ".join(lines[i : i + VERSES]) for i in range(0, len(lines), VERSES)]


def _brown(folder: Path) -> list[str]:
    from cartograd.data.sources.brown import texts as tagged

    documents = tagged(folder / "brown.txt").values()
    return [" ".join(word for line in lines for word, _ in line) for lines in documents]


def _shakespeare(folder: Path) -> list[str]:
    whole = (folder / "shakespeare.txt").read_text(encoding="utf-8")
    return [work.partition("\n")[2] for work in whole.split("\f") if work.strip()]


def _debian(folder: Path) -> list[str]:
    index = (folder / "Translation-en").read_text(encoding="utf-8")
    texts = (prose(one.get("Description-en", "")) for one in paragraphs(index))
    return list(dict.fromkeys(texts))


READERS: dict[str, Callable[[Path], list[str]]] = {
    "bible": _bible,
    "brown": _brown,
    "shakespeare": _shakespeare,
    "debian-descriptions": _debian,
}
"""From a set's folder to its texts."""
