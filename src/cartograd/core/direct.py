"""Large files straight to the disk, past the memory in which the system keeps files.

What is written is copied into that memory first, which the system has to find, and then to the
disk while one waits for it (`fsync`). A file that is kept for a bad day, such as a checkpoint, will
hardly be read from there, and takes the place of what will. So its pieces go to the disk from a
few buffers: one is filled and hashed while the disk takes the others. 126 MB until they are kept
take 110 to 400 ms the usual way, by how much memory is free, and 65 to 90 ms so (one virtual disk,
2026-11; with a single piece under way 120 to 150).

Departures: file systems without such writing (`O_DIRECT`) are told from the others by trying.
"""

import errno
import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import cycle
from mmap import mmap
from pathlib import Path

from blake3 import blake3

LARGE = 1 << 23
"""Bytes of a file from which this pays."""
PIECE, DEPTH = 1 << 21, 4
"""Bytes of a buffer, and how many buffers there are: one is filled, the disk has the others."""
BLOCK = 1 << 12
"""What lengths and places on the disk have to be a multiple of."""

_KEPT: list[list[memoryview]] = []
"""The buffers for the next file: new memory takes 7 ms of the processor's time to be had (8 MB)."""


def write_direct(path: Path, parts: Sequence[bytes | memoryview], /) -> str | None:
    """Write a file from its parts; its BLAKE3, or None where it has to be written otherwise.

    The disk has to be asked to keep it, as any file.

    Raises:
        OSError: the file cannot be written.
    """
    if sys.platform != "linux":
        return None
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_DIRECT, 0o666)
        try:
            found = _write(handle, parts)
            os.ftruncate(handle, sum(map(len, parts)))
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):
            return None
        raise
    return found


def _write(handle: int, parts: Sequence[bytes | memoryview]) -> str:
    try:
        buffers = _KEPT.pop()  # by one of several that write at the same time
    except IndexError:
        buffers = [memoryview(mmap(-1, PIECE)) for _ in range(DEPTH)]
    try:
        return _through(buffers, handle, parts)
    finally:
        _KEPT[:] = [buffers]


def _through(buffers: list[memoryview], handle: int, parts: Sequence[bytes | memoryview]) -> str:
    state, place = blake3(), 0
    under_way: deque[Future[None]] = deque()
    with ThreadPoolExecutor(DEPTH) as disk:
        for buffer, filled in _filled(buffers, parts):
            state.update(buffer[:filled])
            whole = -(-filled // BLOCK) * BLOCK  # what is too much is cut off at the end
            buffer[filled:whole] = bytes(whole - filled)
            under_way.append(disk.submit(_put, handle, buffer[:whole], place))
            place += filled
            if len(under_way) == DEPTH:  # the buffer that comes next is free again
                under_way.popleft().result()
        for one in under_way:
            one.result()
    return state.hexdigest()


def _filled(
    given: list[memoryview], parts: Sequence[bytes | memoryview]
) -> Iterator[tuple[memoryview, int]]:
    """A few buffers in turn, full of what comes next, and how much that is."""
    buffers = cycle(given)
    buffer, filled = next(buffers), 0
    for part in parts:
        begin = 0
        while begin < len(part):
            some = min(len(part) - begin, PIECE - filled)
            buffer[filled : filled + some] = part[begin : begin + some]
            begin, filled = begin + some, filled + some
            if filled == PIECE:
                yield buffer, filled
                buffer, filled = next(buffers), 0
    if filled:
        yield buffer, filled


def _put(handle: int, buffer: memoryview, place: int) -> None:
    """Write all of a buffer, however much the system takes at once."""
    while len(buffer):
        written = os.pwrite(handle, buffer, place)
        buffer, place = buffer[written:], place + written
