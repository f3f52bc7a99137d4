"""Checkpoints: a folder per step that is whole or absent, verified before it is used.

step-000000123/
objective.safetensors   weights, buffers (averages, queues)
optimizer.safetensors   the optimizers' moments
best.safetensors        the best weights so far, where they are others
state.json              everything that is no tensor
manifest.json           size and BLAKE3 of each of these files
"""

import json
import shutil
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.files import check_manifest, write_folder, write_hashed, write_manifest
from cartograd.engine.files.tensor_files import identity, pack, read_tensors, unpack, write_tensors

FORMAT = 2
SHARDED = "sharded"
"""The folder of sharded tensors, written by several processes (`engine.distributed.pieces`)."""


@dataclass(frozen=True)
class Checkpoint:
    """What was saved: the step, the parts by name, where it lies, and torch's version then."""

    step: int
    parts: dict[str, Any]
    path: Path
    torch: str


@dataclass(frozen=True)
class Snapshot:
    """A checkpoint in memory: plain values and tensors of each part."""

    step: int
    values: dict[str, Any]
    tensors: dict[str, dict[str, Tensor]]


def snapshot(
    step: int,
    parts: Mapping[str, Any],
    /,
    *,
    still: Collection[str] | None = None,
    reuse: Snapshot | None = None,
) -> Snapshot:
    """Take nested dicts of tensors and plain values apart, and copy the tensors to the CPU.

    Args:
        step: taken so far.
        parts: by name.
        still: parts whose tensors will not change, so that they need no copy; None for all.
        reuse: an earlier one, not needed any more, whose memory to use; new memory takes several
            times as long to fill.

    Raises:
        UsageError: something in it would need pickle.
    """
    values: dict[str, Any] = {}
    tensors: dict[str, dict[str, Tensor]] = {}
    copies: dict[Any, Tensor] = {}
    used: set[int] = set()
    for name, part in parts.items():
        found: dict[str, Tensor] = {}
        values[name] = pack(part, name, found)
        if still is not None and name not in still:
            before = {} if reuse is None else reuse.tensors.get(name, {})
            for key, tensor in found.items():
                same = identity(tensor)
                if same not in copies:
                    place = before.get(key)
                    free = id(place) not in used  # two tensors now may have been one then
                    copies[same] = _copy(tensor.detach(), place if free else None)
                    used.add(id(place))
                found[key] = copies[same]
        tensors[name] = found
    return Snapshot(step, values, tensors)


def _copy(tensor: Tensor, place: Tensor | None) -> Tensor:
    """A copy on the CPU, in place of an earlier one where that is alike."""
    if place is None or place.dtype != tensor.dtype or place.shape != tensor.shape:
        return tensor.to("cpu", copy=True)
    return place.copy_(tensor)


def write(folder: Path, taken: Snapshot, /) -> Path:
    """Write a checkpoint, one file of tensors a part.

    Raises:
        UsageError: it cannot be written (the disk is full, ...): nothing is left of it, and the
            older ones are as they were.
    """
    path = folder / f"step-{taken.step:09d}"
    with write_folder(path, replace=True) as temporary:
        write_files(temporary, taken)
    return path


def write_files(folder: Path, taken: Snapshot, /) -> None:
    """Write a checkpoint's files, and the manifest of all that the folder holds then.

    Raises:
        OSError: they cannot be written.
    """
    known = {
        f"{name}.safetensors": write_tensors(folder / f"{name}.safetensors", tensors, once=True)
        for name, tensors in taken.tensors.items()
        if tensors
    }
    state = {"format": FORMAT, "step": taken.step, "torch": torch.__version__}
    text = json.dumps(state | {"parts": taken.values}).encode()
    known["state.json"] = write_hashed(folder / "state.json", [text])
    write_manifest(folder, known)


def save(folder: Path, step: int, parts: Mapping[str, Any], /) -> Path:
    """Write a checkpoint from tensors that do not change meanwhile; see `snapshot` and `write`."""
    return write(folder, snapshot(step, parts))


def load(folder: Path, /) -> Checkpoint | None:
    """The newest checkpoint that is whole, or None if there is none at all.

    A damaged one is reported with a warning and the next older one is used.

    Raises:
        UsageError: there are checkpoints and all are damaged, or the newest whole one was written
            by a version of Cartograd with another format.
    """
    saved = steps(folder)
    for step in reversed(saved):
        path = folder / f"step-{step:09d}"
        try:
            check_manifest(path)
            state = json.loads((path / "state.json").read_text(encoding="utf-8"))
            written = state["format"]
        except (UsageError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            warnings.warn(f"checkpoint {path.name} is not used: {error}", stacklevel=2)
            continue
        if written != FORMAT:
            raise UsageError(
                f"{path} has checkpoint format {written} and this Cartograd reads {FORMAT}; "
                "resume with the version that wrote it"
            )
        try:
            return Checkpoint(step, _parts(path, state), path, str(state["torch"]))
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise UsageError(f"{path} holds no state of a run: {error!r}") from error
    if saved:
        raise UsageError(f"every checkpoint in {folder} is damaged; start again in a new folder")
    return None


def _parts(path: Path, state: Mapping[str, Any]) -> dict[str, Any]:
    parts, pieces = {}, _pieces(path / SHARDED)
    for name, value in state["parts"].items():
        file = path / f"{name}.safetensors"
        parts[name] = unpack(value, pieces | (read_tensors(file) if file.exists() else {}))
    return parts


def peek(folder: Path, part: str, /) -> Any:
    """The plain values of a part of the newest checkpoint that can be read, or None."""
    for step in reversed(steps(folder)):
        try:
            text = (folder / f"step-{step:09d}" / "state.json").read_text(encoding="utf-8")
            return unpack(json.loads(text)["parts"][part], {})
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue  # `load` warns of it
    return None


def _pieces(folder: Path) -> dict[str, Tensor]:
    """The sharded tensors that several processes wrote."""
    if not folder.exists():
        return {}
    from cartograd.engine.distributed import pieces  # torch.distributed takes a while to import

    return pieces.load(folder)


def steps(folder: Path, /) -> list[int]:
    """Steps that have a checkpoint, damaged or not, ascending."""
    names = (path.name.removeprefix("step-") for path in folder.glob("step-*") if path.is_dir())
    return sorted(int(name) for name in names if name.isdigit())


def prune(folder: Path, /, *, keep: int, every: int = 0, protect: Collection[int] = ()) -> None:
    """Remove all but the newest `keep` checkpoints, each `every`-th step and the protected steps.

    What a killed process left half written goes too.
    """
    for step in steps(folder)[:-keep]:
        if step not in protect and not (every and step % every == 0):
            shutil.rmtree(folder / f"step-{step:09d}", ignore_errors=True)
    for left in folder.glob(".step-*"):
        shutil.rmtree(left, ignore_errors=True)
