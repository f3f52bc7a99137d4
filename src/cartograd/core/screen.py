"""The screen of a command: which language is asked for on its line, and which letters it has."""

import io
import json
import math
import sys
from collections.abc import Sequence
from typing import Any

from cartograd.core.errors import UsageError
from cartograd.core.language import shows_chinese

LANG = "--lang"


def taken(words: Sequence[str], flag: str, example: str, /) -> tuple[list[str], list[str]]:
    """The other words of a command line, and what it names by a flag.

    >>> taken(["train", "my-net", "--import", "mine", "--import=more.of.them"], "--import", "mine")
    (['train', 'my-net'], ['mine', 'more.of.them'])

    Raises:
        UsageError: the flag ends the line.
    """
    rest: list[str] = []
    names: list[str] = []
    left = iter(words)
    for word in left:
        if word == flag:
            name = next(left, "")
            if not name or name.startswith("-"):
                raise UsageError(f"{flag} needs a name, like {flag} {example}")
            names.append(name)
        elif word.startswith(f"{flag}="):
            names.append(word.removeprefix(f"{flag}="))
        else:
            rest.append(word)
    return rest, names


def spoken(words: Sequence[str], /) -> tuple[list[str], str]:
    """The other words of a command line, and the language that it asks for, if it can be shown.

    Raises:
        UsageError: the flag ends the line, or comes twice.
    """
    rest, names = taken(words, LANG, "zh")
    if len(names) > 1:
        raise UsageError(f"{LANG} is given twice; name one language")
    name = next(iter(names), "auto")
    able = shown(name)
    if able != name and name == "zh":
        sys.stderr.write(
            f"cartograd: {sys.stdout.encoding} has no Chinese letters; this is in English\n"
        )
    return rest, able


def shown(name: str, /) -> str:
    """A language, or English where standard output or error cannot show Chinese.

    Letters that the screen does not have (code page 936 knows Chinese, and no emoji) become
    question marks there.
    """
    streams = [one for one in (sys.stdout, sys.stderr) if one is not None]
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper) and not _shows_all(stream):
            stream.reconfigure(errors="replace")
    if all(shows_chinese(stream.encoding) for stream in streams):
        return name
    return "en" if name in ("zh", "auto") else name


def _shows_all(stream: io.TextIOWrapper) -> bool:
    """Whether a stream takes every letter: in an encoding of Unicode, or with a way out."""
    return stream.encoding.lower().startswith("utf") or stream.errors != "strict"


def plain(value: Any) -> Any:
    """A value as strict JSON types: paths become text, NaN and infinity become null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def as_json(value: Any, /) -> str:
    """A value as a line of strict JSON; letters that the screen lacks are spelt by numbers."""
    value = plain(value)
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return json.dumps(value, allow_nan=False)
    return text
