"""A part of the catalogue as a file of gettext's: English and its Chinese, entry by entry.

The format is https://www.gnu.org/software/gettext/manual/html_node/PO-Files.html, in UTF-8. There
is a part for each room, `zh/ROOM.po`; `python -m tools.messages` keeps their English up to date.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from cartograd.core.errors import UsageError

_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}


def read(path: Path, /) -> Iterator[tuple[str, str, list[str]]]:
    """The entries of a file: English, Chinese, and the comments before them.

    Raises:
        UsageError: a line is none of the format's.
    """
    comments: list[str] = []
    found: dict[str, str] = {}
    field = ""
    for number, line in enumerate([*path.read_text(encoding="utf-8").split("\n"), ""], start=1):
        word, _, rest = line.partition(" ")
        if line.startswith('"'):
            found[field] += _string(line)
        elif word in ("msgid", "msgstr"):
            field = word
            found[field] = _string(rest)
        elif line.startswith("#"):
            comments.append(line)
        elif line.strip():
            raise UsageError(f"{path}, line {number} is no .po: {line!r}; expected msgid")
        elif found:
            if found.get("msgid"):
                yield found["msgid"], found.get("msgstr", ""), comments
            comments, found = [], {}


def _string(text: str) -> str:
    inner = text.strip()[1:-1]
    if "\\" not in inner:
        return inner
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), inner)
