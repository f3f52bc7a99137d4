"""ONNX files in two parts: what is larger than one file can be has its numbers beside it.

A file of protobuf ends at 2 GB. The standard lets tensors lie in another file of the same folder,
which the graph names with an offset and a length for each. The file of numbers is named by its
content and comes first, then the graph takes its place at once: whoever reads sees the old model
or the new one, and never half of each.

References:
    The ONNX community. Open Neural Network Exchange, external data. 2018.
    https://github.com/onnx/onnx/blob/main/docs/ExternalData.md
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from blake3 import blake3

from cartograd.core.at_work import working_folder
from cartograd.core.errors import UsageError, first_line
from cartograd.core.files import flush, hashed, write_file
from cartograd.engine.files.onnx_session import needed, tensors_in

SMALL = 1024
"""Bytes up to which numbers stay in the graph, where they may say how large something is."""

PAGE = 4096
"""Where numbers begin: at a multiple of this, so that they can be mapped into memory."""


def write_onnx(proto: Any, path: str | Path, /, *, most: int) -> Path:
    """Write a model as a file, or as two where one would be too large.

    Args:
        proto: the model, with its numbers within; of two files they are taken out of it.
        path: of the graph; an older file of the name is replaced, and its numbers are removed.
        most: bytes that one file can hold.

    Raises:
        UsageError: the graph alone is too large, or the files cannot be written.
    """
    path = Path(path)
    before = _own(path)
    content, beside = _serialised(proto, most), None
    try:
        if content is None:
            beside = _write_numbers(proto, path)
            content = _serialised(proto, most)
        if content is None:
            raise UsageError("the model's graph alone is larger than the 2 GB that a file can hold")
        written = write_file(path, content)
    except BaseException:
        if beside is not None and beside not in before:
            beside.unlink(missing_ok=True)
        raise
    for old in before:
        if old != beside:
            old.unlink(missing_ok=True)
    return written


def parts(path: Path, /) -> tuple[Path, ...]:
    """The files beside an ONNX file from which it takes numbers; it may come from anyone.

    Raises:
        UsageError: it is no ONNX file, `onnx` is not installed, or it takes numbers from a file
            that is elsewhere, is not there, or ends too early.
    """
    needed("onnx")
    import onnx
    from google.protobuf.message import DecodeError

    try:
        proto = onnx.load(str(path), load_external_data=False)
    except (OSError, ValueError, DecodeError) as error:
        raise UsageError(f"{path} is not an ONNX file: {first_line(error)}") from error
    ends: dict[str, int] = {}
    for tensor in tensors_in(proto):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            said = {one.key: one.value for one in tensor.external_data}
            name = said.get("location", "")
            ends[name] = max(ends.get(name, 0), _end(path, said))
    return tuple(_beside(path, name, end) for name, end in ends.items())


def whole_size(path: Path, /) -> int:
    """Bytes of an ONNX file and of those beside it from which it takes numbers."""
    return sum(one.stat().st_size for one in (path, *parts(path)))


def whole_hash(path: Path, beside: tuple[Path, ...], /) -> str:
    """The BLAKE3 of an ONNX file, and of those from which it takes numbers."""
    own = hashed(path)
    return blake3("".join([own, *map(hashed, beside)]).encode()).hexdigest() if beside else own


def _end(path: Path, said: dict[str, str]) -> int:
    """Where the numbers of a tensor end in their file."""
    offset, length = said.get("offset", "0"), said.get("length", "0")
    if not (offset.isdecimal() and length.isdecimal()):
        raise UsageError(f"{path} is damaged: it takes {length!r} bytes from {offset!r} on")
    return int(offset) + int(length)


def _beside(path: Path, name: str, end: int) -> Path:
    """The file of this name in the same folder, with so many bytes at least."""
    file = path.parent / name
    if not name or Path(name).name != name or "\\" in name:
        raise UsageError(
            f"{path} takes numbers from {name!r}; expected a file beside it, by its name alone"
        )
    if not file.is_file() or file.resolve().parent != path.parent.resolve():
        raise UsageError(
            f"{path} takes numbers from {name!r}, which is not beside it; bring both files into "
            "one folder"
        )
    if file.stat().st_size < end:
        raise UsageError(
            f"{file} ends before the numbers that {path.name} takes from it: it was cut off or "
            "replaced; export the model again"
        )
    return file


def _own(path: Path) -> tuple[Path, ...]:
    """The numbers of an older file of the name, where they were written here."""
    if not path.is_file():
        return ()
    with suppress(UsageError):
        return tuple(one for one in parts(path) if one.name.startswith(f"{path.stem}-"))
    return ()


def _serialised(proto: Any, most: int) -> bytes | None:
    """The file's content; None if it is too large."""
    from google.protobuf.message import EncodeError

    if sum(len(one.raw_data) for one in tensors_in(proto)) > most:
        return None
    try:
        content = proto.SerializeToString()
    except (EncodeError, ValueError):
        return None
    return content if len(content) <= most else None


def _write_numbers(proto: Any, path: Path) -> Path:
    """Take the numbers out of a model into a file beside it, named by its content."""
    state, position = blake3(), 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with working_folder(path) as (folder, _):
            made, places = folder / "numbers", []
            with made.open("wb") as file:
                for tensor, numbers in _large(proto):
                    position += -position % PAGE
                    file.seek(position)
                    file.write(numbers)
                    state.update(numbers)
                    places.append((tensor, position, len(numbers)))
                    position += len(numbers)
                file.flush()
                os.fsync(file.fileno())
            beside = path.with_name(f"{path.stem}-{state.hexdigest()[:16]}.data")
            made.replace(beside)
        flush(path.parent)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
    for tensor, offset, length in places:
        _refer(tensor, beside.name, offset, length)
    return beside


def _large(proto: Any) -> Iterator[tuple[Any, bytes]]:
    for tensor in tensors_in(proto):
        numbers = tensor.raw_data
        if len(numbers) > SMALL:
            yield tensor, numbers


def _refer(tensor: Any, name: str, offset: int, length: int) -> None:
    """Say in the graph where a tensor's numbers are."""
    from onnx import TensorProto

    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    del tensor.external_data[:]
    for key, value in (("location", name), ("offset", str(offset)), ("length", str(length))):
        tensor.external_data.add(key=key, value=value)
