"""A fuzzer over every reader of files: damaged and hostile files end in success or in one line.

A `Kind` is something that Cartograd reads: files that are whole, which of them are damaged, and
what reads them. A case damages one file and reads all. It runs in a process of its own, with little
memory to spare and a few seconds, so that a file that says it holds 4e9 blocks is found out.

`python -m tests.journeys.hostile 20000 [KIND ...]` tries so many cases of each and prints what
ended otherwise, with the number of the case; `700-900` tries those numbers, fresh damages;
`python -m tests.journeys.hostile +17 table` repeats one and shows its traceback.
"""

import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tests.conftest  # noqa: F401  what reference packages need, and no network
from cartograd.core.errors import UsageError

MEMORY, SECONDS = 3 << 30, 20
"""Bytes that a case may take beside what the process has, and its seconds."""
NUMBERS = (0, -1, 1, 2**31 - 1, 2**32, 10**9, 10**18, 2**63, -(2**63), 10**400)
VALUES = (None, True, False, *NUMBERS, 1.5, -1e308, "", "x", "x" * 5000, "\ud800", [], ["x"], [1],
          {}, {"x": 1}, [[]], [None])  # fmt: skip
"""What a value of a document may become."""
WHOLES = (b"", b"[" * 100_000, b'{"a":' * 100_000, bytes(range(256)), "{}".encode("utf-16"),
          b"null", b"true", b"NaN", b"[]", b"{}", b'"x"', b"1" + b"0" * 6000, bytes(4096),
          b"\xef\xbb\xbf{}", b"\n\n\n")  # fmt: skip
"""What a file may become as a whole."""


@dataclass(frozen=True)
class Kind:
    """What is read.

    Attributes:
        make: writes whole files into a folder.
        damaged: patterns of the files that are damaged.
        read: reads the folder; UsageError is the only error that it may raise.
        mended: what is made right again before it is read, as a digest in a manifest.
    """

    make: Callable[[Path], None]
    damaged: tuple[str, ...]
    read: Callable[[Path], object]
    mended: Callable[[Path], object] = lambda _: None


def bits(content: bytes, draw: random.Random) -> bytes:
    """One to eight bits, or bytes, are others."""
    made = bytearray(content)
    for _ in range(draw.randint(1, 8)):
        place = draw.randrange(min(len(made), draw.choice((64, 512, len(made)))))
        made[place] = draw.choice((made[place] ^ 1 << draw.randrange(8), draw.randrange(256), 255))
    return bytes(made)


def cut(content: bytes, draw: random.Random) -> bytes:
    """The file ends earlier, or lacks a span."""
    start = draw.randrange(len(content))
    return content[:start] + content[start + draw.choice((1, 2, 8, 64, len(content))) :]


def spans(content: bytes, draw: random.Random) -> bytes:
    """A span is zero, or comes twice, or stands elsewhere."""
    start, size = draw.randrange(len(content)), draw.choice((1, 4, 8, 64, 256))
    span = content[start : start + size]
    if draw.random() < 0.4:
        return content[:start] + bytes(len(span)) + content[start + size :]
    place = draw.choice((start, draw.randrange(len(content))))
    return content[:place] + span + content[place:]


def numbers(content: bytes, draw: random.Random) -> bytes:
    """A whole number of 1 to 8 bytes is very large or odd."""
    size, order = draw.choice((1, 2, 4, 8)), draw.choice(("little", "big"))
    place = draw.randrange(min(len(content), draw.choice((64, 512, len(content)))))
    value = draw.choice(NUMBERS) % 256**size
    return content[:place] + value.to_bytes(size, order) + content[place + size :]


def words(content: bytes, draw: random.Random) -> bytes:
    """A word or number of a text is another one."""
    found = list(re.finditer(rb"[\w.+-]+", content[: 1 << 16]))
    if not found:
        return bits(content, draw)
    place = draw.choice(found)
    other = draw.choice(
        (*map(str, NUMBERS), "nan", "1e999", "", "\0", "\u2028", "'", '"', "[", "é")
    )
    return content[: place.start()] + other.encode() + content[place.end() :]


def document(content: bytes, draw: random.Random) -> bytes:
    """One value of a JSON document, or of one of its lines, is another, or is gone."""
    lines = [content] if content[:1] == b"{" and b"\n{" not in content else content.splitlines()
    place = draw.randrange(len(lines))
    try:
        value = [json.loads(lines[place])]
    except ValueError:
        return words(content, draw)
    _change(value, draw)
    lines[place] = json.dumps(value[0] if value else None).encode()
    return b"\n".join(lines) + (b"\n" if len(lines) > 1 else b"")


def _change(value: Any, draw: random.Random) -> None:
    keys = list(value if isinstance(value, dict) else range(len(value)))
    key = draw.choice(keys)
    inner = value[key]
    if isinstance(inner, dict | list) and inner and draw.random() < 0.8:
        _change(inner, draw)
    elif draw.random() < 0.2 and len(keys) > 1:
        del value[key]
    else:
        value[key] = draw.choice(VALUES)


def header(content: bytes, draw: random.Random) -> bytes:
    """The header of a safetensors file says something else; its length is right or not."""
    size = int.from_bytes(content[:8], "little")
    made = document(content[8 : 8 + size], draw)
    said = draw.choice((len(made), len(made), len(made), *(n % 2**64 for n in NUMBERS)))
    return said.to_bytes(8, "little") + made + content[8 + size :]


def replaced(_: bytes, draw: random.Random) -> bytes:
    """The whole file is another: empty, nested without end, of another encoding or type."""
    return draw.choice(WHOLES)


DAMAGES = (bits, cut, spans, numbers, words, replaced)


def damage(file: Path, draw: random.Random) -> None:
    """Damage a file, in a way that fits it more often than not."""
    content = file.read_bytes()
    ways: tuple[Callable[[bytes, random.Random], bytes], ...] = DAMAGES
    if file.suffix in (".json", ".jsonl", ".body"):
        ways = (document,) * 6 + DAMAGES
    elif file.suffix == ".safetensors":
        ways = (header,) * 6 + DAMAGES
    elif file.suffix in (".toml", ".csv", ".txt", ".jinja"):
        ways = (words,) * 3 + DAMAGES
    file.write_bytes(draw.choice(ways)(content, draw) if content else b"x")


def case(kind: Kind, whole: Path, folder: Path, number: int) -> None:
    """Copy what is whole, damage it and read it."""
    draw = random.Random(number)
    shutil.copytree(whole, folder)
    files = sorted({file for pattern in kind.damaged for file in folder.glob(pattern)})
    damage(draw.choice(files), draw)
    kind.mended(folder)
    kind.read(folder)


def outcome(kind: Kind, whole: Path, number: int) -> str:
    """How a case ended: empty where it was read or refused in one line."""
    with tempfile.TemporaryDirectory() as parent, warnings.catch_warnings(action="ignore"):
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            case(kind, whole, Path(parent) / "case", number)
        except UsageError as error:
            line = str(error).strip()
            return f"more than a line: {line[:200]!r}" if "\n" in line or "\r" in line else ""
        except BaseException as error:  # the timer's too
            last = traceback.extract_tb(error.__traceback__)
            ours = [one for one in last if "/cartograd/" in one.filename] or list(last)
            where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
            return f"{type(error).__name__} at {where}: {str(error)[:150]!r}"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    return ""


def _late(*_: Any) -> None:
    raise TimeoutError(f"not done in {SECONDS} seconds")


def tried(name: str, numbers: range) -> list[tuple[int, str]]:
    """The cases of a kind that ended otherwise than they should, in a process of their own.

    A case that ends the process itself is one of them, and the next ones go on in another.
    """
    from tests.journeys.hostile_kinds import KINDS

    kind, found, start = KINDS[name], [], numbers.start
    with tempfile.TemporaryDirectory() as parent:
        whole = Path(parent) / "whole"
        whole.mkdir()
        kind.make(whole)
        with warnings.catch_warnings(action="ignore"):
            kind.read(whole)
        while start < numbers.stop:
            reader, writer = os.pipe()
            child = os.fork()
            if child == 0:
                _limited(kind, whole, range(start, numbers.stop), writer)
            os.close(writer)
            with os.fdopen(reader) as said:
                lines = [line.rstrip("\n").partition(" ") for line in said]
            status = os.waitpid(child, 0)[1]
            found += [(int(number), told) for number, _, told in lines if told]
            start = int(lines[-1][0]) + 1 if lines else start
            if status:
                found.append((start, f"the process ended by {status}"))
                start += 1
    return found


def _limited(kind: Kind, whole: Path, numbers: range, writer: int) -> None:
    """Run cases with limits, and say how each ended."""
    signal.signal(signal.SIGALRM, _late)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    code = 0
    try:
        for number in numbers:
            told = outcome(kind, whole, number).replace("\n", " ")
            os.write(writer, f"{number} {told}\n".encode(errors="replace"))
    except BaseException:
        traceback.print_exc()
        code = 1
    os._exit(code)


def main() -> None:
    from tests.journeys.hostile_kinds import KINDS

    count, *names = sys.argv[1:]
    for name in names or KINDS:
        if count.startswith("+"):
            with tempfile.TemporaryDirectory() as parent:
                whole = Path(parent) / "whole"
                whole.mkdir()
                KINDS[name].make(whole)
                case(KINDS[name], whole, Path(parent) / "case", int(count))
            continue
        seen: dict[str, list[int]] = {}
        first, _, last = count.rpartition("-")
        numbers = range(int(first or 0), int(last))
        for number, told in tried(name, numbers):
            seen.setdefault(told.partition("'")[0], []).append(number)
        print(f"{name}: {sum(map(len, seen.values()))} of {len(numbers)}", flush=True)
        for told, where in seen.items():
            print(f"  {len(where)} x {told} (+{where[0]})", flush=True)


if __name__ == "__main__":
    main()
