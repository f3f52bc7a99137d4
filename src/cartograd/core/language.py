"""The language that people are spoken to in: English, or Chinese by the catalogue `zh/*.po`.

What the code says is English, and stays so until it is shown: the last step before a screen or a
page is `said`, which finds the sentence in the catalogue. In English nothing of it is read.
Errors that Python code meets are English whichever language is chosen.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Literal, get_args

from cartograd.core.errors import unknown

Language = Literal["en", "zh", "auto"]
LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")
"""Variables that say which language a user reads; the first that is set decides."""

NAMED = frozenset(
    {"name", "argument", "setting", "preset", "key", "package", "class", "label", "word"}
    | {"token", "place", "column", "kind"}
)
"""Headings of columns whose cells are names, of code or of the user's data: shown as they are."""

_NUMBERED = re.compile(r" \d+$")

_spoken: list[bool] = [False]
"""Whether it is Chinese; the innermost last."""


def language(name: str = "auto", /) -> None:
    """Choose the language of reports, tables and lines for people, from Python.

    Args:
        name: `en`, `zh`, or `auto` for that of the user's locale.

    Raises:
        UsageError: it is another.
    """
    _spoken[-1] = _is_chinese(name)


@contextmanager
def speaking(name: str, /) -> Iterator[None]:
    """As `language`, until the end of a block.

    Raises:
        UsageError: it is no language that is known.
    """
    _spoken.append(_is_chinese(name))
    try:
        yield
    finally:
        if _spoken.pop():
            from cartograd.core.catalogue import catalogue

            catalogue().forget()


def _is_chinese(name: str) -> bool:
    if name not in get_args(Language):
        raise unknown("language", name, get_args(Language), every=True)
    if name != "auto":
        return name == "zh"
    chosen = (os.environ.get(variable, "") for variable in LOCALE)
    return next((value for value in chosen if value), "").lower().startswith("zh")


def chinese() -> bool:
    """Whether people are spoken to in Chinese."""
    return _spoken[-1]


def said(text: str, /) -> str:
    """A text for people in their language; what the catalogue does not have stays English."""
    if not _spoken[-1]:
        return text
    from cartograd.core.catalogue import catalogue

    return catalogue().translated(text)


def keep(names: Iterable[str], /) -> None:
    """Names of the user's, of classes and columns: nothing said after this takes them for words.

    A class may be called yes, or a column score, which have a Chinese where they are words of ours.
    """
    if _spoken[-1]:
        from cartograd.core.catalogue import catalogue

        catalogue().keep(names)


def named(heading: str, /) -> bool:
    """Whether a column's cells are names: `label`, and `label 2` of the second answer.

    >>> named("label"), named("label 2"), named("state")
    (True, True, False)
    """
    return _NUMBERED.sub("", heading) in NAMED


def each(texts: Sequence[str], /) -> list[str]:
    """Texts for people in their language."""
    return [said(text) for text in texts]


def shows_chinese(encoding: str | None, /) -> bool:
    """Whether a stream of an encoding can show Chinese letters."""
    with suppress(UnicodeEncodeError, LookupError):
        "\u4e2d".encode(encoding or "utf-8")
        return True
    return False
