"""Text from files: its encoding and its lines.

Text is UTF-8, or what its byte order mark says; another encoding cannot be known, only guessed, so
it has to be said: the error shows how a line would read in the likeliest ones. A line ends at a
newline (with or without a carriage return) and nowhere else: the further line ends of Unicode, such
as U+2028, stand inside of texts.
"""

from codecs import getincrementaldecoder
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from cartograd.core.errors import UsageError

SUFFIXES = (".txt", ".md")
"""What files with one text each end in."""

GUESSES = ("gb18030", "cp1252", "shift_jis", "big5", "cp1251", "utf-16-le")
"""Encodings that tables come in, if not in UTF-8."""

_MARKS = {
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}

_ALSO: ContextVar[str | None] = ContextVar("also", default=None)


def lines(text: str, /) -> list[str]:
    r"""The lines of a text, without their ends.

    >>> lines("a\r\nb\u2028c\n")
    ['a', 'b\u2028c']
    """
    found = [line.removesuffix("\r") for line in text.split("\n")]
    return found[:-1] if found[-1] == "" else found


def read_text(path: str | Path, encoding: str | None = None, /) -> str:
    """The text of a file, without its byte order mark.

    Raises:
        UsageError: it cannot be read, or is in another encoding; the likeliest are shown.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    return decoded(content, str(path), encoding)


def decoded(content: bytes, source: str, encoding: str | None = None, /) -> str:
    """The text of a file, without its byte order mark.

    Args:
        content: its bytes.
        source: what to call it in errors.
        encoding: by default UTF-8; a byte order mark says it for itself.

    Raises:
        UsageError: it is in another encoding; the likeliest are shown.
    """
    mark = next((name for start, name in _MARKS.items() if content.startswith(start)), None)
    chosen = mark or encoding or "utf-8"
    if not (mark or encoding) and (other := _ALSO.get()) and not _is_utf8(content):
        chosen = other
    try:
        text = content.decode(chosen)
    except LookupError as error:
        raise UsageError(f"encoding={encoding!r} is not known to Python") from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        odd = content[error.start : error.start + 4].hex(" ")
        told = f"{source} is not {chosen.upper()} text (line {line}, byte {error.start}: {odd})"
        raise UsageError(f"{told}; {_advice(content, error.start)}") from error
    if "\0" in text:
        raise UsageError(f"{source} is no text: it holds zero bytes; {_advice(content, 0)}")
    return text


@contextmanager
def also(encoding: str | None, /) -> Iterator[None]:
    """Within the block a text that is not UTF-8 is read so, if no encoding was said.

    A model that learned from files in an encoding is asked by files in it.
    """
    before = _ALSO.set(encoding)
    try:
        yield
    finally:
        _ALSO.reset(before)


def _is_utf8(content: bytes) -> bool:
    with suppress(UnicodeDecodeError):
        content.decode()
        return True
    return False


def _advice(content: bytes, at: int) -> str:
    """How the line at a byte reads in other encodings."""
    readings: dict[str, str] = {}
    for name in GUESSES:
        decode = getincrementaldecoder(name)  # a character may be cut at the end of what is read
        try:
            whole = decode().decode(content[: max(1 << 20, at + 200)])
            place = len(decode().decode(content[:at]))
        except UnicodeDecodeError:
            continue
        if all(c.isprintable() or c.isspace() for c in whole):
            line = whole[whole.rfind("\n", 0, place) + 1 :].partition("\n")[0]
            readings.setdefault(line[:60].strip(), name)
    if not readings:
        return "expected text"
    tries = ", or ".join(f"encoding={name} (reads {text!r})" for text, name in readings.items())
    return f"save it as UTF-8, or give {tries}"
