"""Ways in which a checkpoint is spoilt: what a full disk, a crash or a bad cable leave."""

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.resume.workload import FEATURES, WIDTH


def newest(folder: Path, /) -> Path:
    """The file that holds the weights of the checkpoint that was written last."""
    return max((path for path in folder.rglob("*") if _holds_weights(path)), key=_when)


def _holds_weights(path: Path) -> bool:
    return path.suffix == ".ckpt" or path.name in ("model.safetensors", "objective.safetensors")


def _when(path: Path) -> tuple[int, str]:
    return path.stat().st_mtime_ns, path.name


def truncate(path: Path, /) -> None:
    """Half of it is gone."""
    os.truncate(path, path.stat().st_size // 2)


def flip(path: Path, /) -> None:
    """One bit of one weight is another: its largest bit after the exponent's."""
    content = bytearray(path.read_bytes())
    content[_weights_at(path) + 2] ^= 1 << 6
    path.write_bytes(content)


def _weights_at(path: Path) -> int:
    """Where the first matrix of the network begins in the file."""
    size = 4 * FEATURES * WIDTH
    if path.suffix == ".safetensors":
        header = int.from_bytes(path.read_bytes()[:8], "little")
        parts = json.loads(path.read_bytes()[8 : 8 + header])
        spans = [part["data_offsets"] for name, part in parts.items() if name != "__metadata__"]
        return 8 + header + next(a for a, b in sorted(spans) if b - a == size)
    with zipfile.ZipFile(path) as file:
        info = next(one for one in file.infolist() if one.file_size == size)
    lengths = path.read_bytes()[info.header_offset + 26 : info.header_offset + 30]
    name, extra = (int.from_bytes(part, "little") for part in (lengths[:2], lengths[2:]))
    return info.header_offset + 30 + name + extra


def empty(path: Path, /) -> None:
    """It is there and has no content."""
    os.truncate(path, 0)


WAYS: dict[str, Callable[[Path], None]] = {
    "truncated": truncate,
    "one bit flipped": flip,
    "file missing": Path.unlink,
    "file empty": empty,
}
