"""Words that look like the path of a file: a mistyped one is an error, and no text or name."""

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from cartograd.core.errors import UsageError, nearest

ENDINGS = frozenset({
    "txt", "md", "csv", "tsv", "json", "jsonl", "ndjson", "xlsx", "xls", "ods", "parquet", "gz",
    "zip", "html", "xml", "pdf", "docx", "log", "png", "jpg", "jpeg", "gif", "bmp", "tif", "tiff",
    "webp", "wav", "flac", "mp3", "ogg", "safetensors", "gguf", "onnx", "toml", "py",
})  # fmt: skip
"""What names of files end in."""

LONGEST = 1024
"""Characters of a path; systems refuse to look for longer ones."""

_FILE = re.compile(r"[^\s?*]*[^\s?*./\\]\.(\w{2,11})")
_BEGINS = re.compile(r"(~|\.{1,2}|/\w[^\s/]*)/\S*")


def looks_like_path(word: str, /) -> bool:
    """Whether a word can hardly be anything but the path of a file or folder.

    >>> [looks_like_path(word) for word in ("rview.txt", "./data", "~/mails", "/tmp/a")]
    [True, True, True, True]
    >>> [looks_like_path(word) for word in ("good.", "and/or", "see a.txt", "v1.2", "/shrug")]
    [False, False, False, False, False]
    """
    word = word.strip()
    file = _FILE.fullmatch(word)
    return bool(_BEGINS.fullmatch(word)) or (file is not None and file[1].lower() in ENDINGS)


def is_there(path: str | Path, /) -> bool:
    """Whether a word is the path of a file or folder; one that is too long for a path is none.

    >>> is_there("a" * 5000)
    False
    """
    try:
        return Path(path).exists()
    except OSError:
        return False


def expanded(word: str | Path, /) -> Path:
    """A path with the home that `~` stands for; as it is where there is no such user."""
    return Path(os.path.expanduser(word))


def temporary() -> Path:
    """The system's place for what is not kept.

    Raises:
        UsageError: there is none that can be written.
    """
    try:
        return Path(tempfile.gettempdir())
    except OSError as error:
        raise UsageError(
            f"no folder for temporary files can be written ({error.strerror or error}); "
            "make room, or name one with TMPDIR"
        ) from error


def no_such_path(word: str, /, *, hint: str = "") -> UsageError:
    """The error for a path that is not there, with the nearest name beside it."""
    path = expanded(word)
    folder = path.parent
    there = sorted(one.name for one in folder.iterdir()) if folder.is_dir() else []
    near = nearest(path.name, there, alike=0.7)
    meant = "" if near is None else f"; did you mean {str(folder / near)!r}?"
    lacks = "" if folder.is_dir() else f" (there is no folder {folder})"
    return UsageError(f"there is no file or folder {word}{lacks}{meant}{hint}")


def check_file(word: str | Path, /) -> None:
    """Refuse a path that cannot be read; a folder can.

    Raises:
        UsageError: nothing is there (with the nearest name), or it cannot be read.
    """
    path = Path(word)
    if not is_there(path):
        raise no_such_path(str(word))
    if not os.access(path, os.R_OK):
        raise UsageError(f"cannot read {word}: permission denied")


def texts(sources: Iterable[str], /) -> list[Path | str]:
    """Sources of a model of text: what is a file or folder is read, all else is the text itself.

    Raises:
        UsageError: a source looks like a path, and nothing is there.
    """
    given: list[Path | str] = []
    for source in sources:
        path = expanded(source)
        there = len(source) < LONGEST and os.path.exists(path)
        if not there and looks_like_path(source):
            hint = "; a text that is spelt so goes through standard input (-)"
            raise no_such_path(source, hint=hint)
        given.append(path if there else source)
    return given
