r"""GGUF files: what llama.cpp keeps models in, one file with everything.

A header of named values (sizes, the tokenizer, the template of a chat), then the list of tensors
(name, dims, type, offset), then their bytes, mostly quantised. We read the header ourselves: an
error can then name the tensor, and a tokenizer's hundred thousand words take a tenth of a second.

References:
    Georgi Gerganov et al.: GGUF, 2023. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.data.gguf.blocks import KINDS, dequantised

PLAIN = {
    "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64,
    "I8": torch.int8, "I16": torch.int16, "I32": torch.int32, "I64": torch.int64,
}  # fmt: skip
"""Types that are not quantised."""

TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1",
    10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS",
    17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS",
    24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 30: "BF16", 34: "TQ1_0",
    35: "TQ2_0", 39: "MXFP4", 40: "NVFP4",
}  # fmt: skip
"""What the numbers of the format mean; those in neither `PLAIN` nor `KINDS` are refused."""

_VALUES = {
    0: "u1", 1: "i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 7: "?", 10: "<u8",
    11: "<i8", 12: "<f8",
}  # fmt: skip
_TEXT, _LIST = 8, 9


@dataclass(frozen=True)
class Entry:
    """One tensor of a file.

    Attributes:
        name: in the file.
        shape: as torch counts it, the fastest dimension last.
        kind: name of its type.
        start, size: its bytes in the file.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    start: int
    size: int


@runtime_checkable
class Headed(Protocol):
    """A header and the tensors behind it: of a file, or of one that is about to be written."""

    @property
    def path(self) -> Any:
        """What to call it in an error."""
        ...

    @property
    def values(self) -> Mapping[str, Any]:
        """The named values."""
        ...

    @property
    def entries(self) -> Mapping[str, Any]:
        """The tensors by name, which have a shape."""
        ...

    def tensor(self, name: str, /) -> Tensor:
        """One of them, in floats."""
        ...


class GGUF:
    """A file whose header has been read and whose bytes are all there.

    Args:
        path: the file.

    Attributes:
        values: the named values of the header.
        entries: the tensors by name.

    Raises:
        UsageError: it is no GGUF file, is truncated, or holds a tensor of an unknown type.
    """

    def __init__(self, path: str | Path, /) -> None:
        self.path = Path(path)
        self.values: dict[str, Any] = {}
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, 2)
                if size < 24:
                    raise UsageError(f"{path} is no GGUF file: it has {size} bytes")
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                    self.entries = self._header(_Cursor(content), size)
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror or error}") from error

    def _header(self, at: "_Cursor", size: int) -> dict[str, Entry]:
        if at.raw(4) != b"GGUF":
            raise UsageError(f"{self.path} is no GGUF file: it does not begin with GGUF")
        version = at.number("<I")
        if version not in (2, 3):
            raise UsageError(f"{self.path} is of GGUF version {version}; 2 and 3 are known")
        tensors, pairs = at.number("<Q"), at.number("<Q")
        what = "its beginning"
        try:
            for _ in range(pairs):
                name = at.text()
                what = f"the value {name!r}"
                self.values[name] = at.value(at.number("<I"))
            infos = []
            for number in range(tensors):
                what = f"the list of tensors, at {number + 1} of {tensors}"
                name = at.text()
                dims = [at.number("<Q") for _ in range(at.number("<I"))]
                infos.append((name, dims, at.number("<I"), at.number("<Q")))
        except (struct.error, ValueError, KeyError, RecursionError) as error:
            raise UsageError(f"{self.path} is truncated or damaged in {what}") from error
        align = self.values.get("general.alignment", 32)
        start = -(-at.place // align) * align
        found = {}
        for name, dims, type_, offset in infos:
            found[name] = self._entry(name, dims, type_, start + offset)
            if found[name].start + found[name].size > size:
                raise UsageError(
                    f"{self.path} is truncated: tensor {name!r} ({found[name].kind}) ends at byte "
                    f"{found[name].start + found[name].size} and the file at {size}"
                )
        return found

    def _entry(self, name: str, dims: list[int], type_: int, start: int) -> Entry:
        kind = TYPES.get(type_, f"number {type_}")
        count = math.prod(dims)
        if kind in PLAIN:
            size = count * PLAIN[kind].itemsize
        elif kind in KINDS:
            numbers, length, _ = KINDS[kind]
            if not dims or dims[0] % numbers:
                raise UsageError(
                    f"{self.path}: tensor {name!r} has rows of {dims[:1] or 'no'} numbers; {kind} "
                    f"takes multiples of {numbers}"
                )
            size = count // numbers * length
        else:
            known = ", ".join([*PLAIN, *KINDS])
            raise UsageError(
                f"{self.path}: tensor {name!r} is of type {kind}, which cannot be read; "
                f"expected one of {known}"
            )
        return Entry(name, tuple(reversed(dims)), kind, start, size)

    def tensor(self, name: str, /) -> Tensor:
        """One tensor; numbers that were quantised, or in half precision, come in float32.

        Raises:
            UsageError: there is none of the name, or the file was changed meanwhile.
        """
        if name not in self.entries:
            raise UsageError(f"{self.path} has no tensor {name!r}")
        entry = self.entries[name]
        content = bytearray(entry.size)
        with self.path.open("rb") as file:
            file.seek(entry.start)
            if file.readinto(content) != entry.size:
                raise UsageError(f"{self.path} is truncated: tensor {name!r} is not all there")
        if entry.size == 0:
            return torch.zeros(entry.shape)
        if entry.kind in PLAIN:
            made = torch.frombuffer(content, dtype=PLAIN[entry.kind])
            made = made.float() if entry.kind in ("F16", "BF16") else made
        else:
            blocks = torch.frombuffer(content, dtype=torch.uint8)
            made = dequantised(blocks.unflatten(0, (-1, KINDS[entry.kind][1])), entry.kind)
        return made.reshape(entry.shape)

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name."""
        return {name: self.tensor(name) for name in self.entries}


class _Cursor:
    """Reads values one after the other."""

    def __init__(self, content: mmap.mmap, /) -> None:
        self.content, self.place = content, 0

    def raw(self, size: int) -> bytes:
        if self.place + size > len(self.content):
            raise UsageError("the file ends here")
        self.place += size
        return self.content[self.place - size : self.place]

    def number(self, form: str) -> int:
        return struct.unpack(form, self.raw(struct.calcsize(form)))[0]

    def text(self) -> str:
        return self.raw(self.number("<Q")).decode()

    def value(self, kind: int) -> Any:
        if kind == _TEXT:
            return self.text()
        if kind == _LIST:
            inner, count = self.number("<I"), self.number("<Q")
            if inner in (_TEXT, _LIST):
                return [self.value(inner) for _ in range(count)]
            return self._numbers(inner, count).tolist()
        return self._numbers(kind, 1).tolist()[0]

    def _numbers(self, kind: int, count: int) -> np.ndarray:
        dtype = np.dtype(_VALUES[kind])
        return np.frombuffer(self.raw(count * dtype.itemsize), dtype)
