"""A checkpoint whose tensors several processes write, each its own shards."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from torch.distributed.tensor import DTensor

from cartograd.core.files import write_folder
from cartograd.engine.checkpoint import storage
from cartograd.engine.distributed import pieces


def save(folder: Path, step: int, parts: Mapping[str, Any], processes: Any, /) -> Path:
    """Write a checkpoint together; called on all processes.

    Raises:
        UsageError: it cannot be written; the older ones are as they were.
    """
    path = folder / f"step-{step:09d}"
    taken = storage.snapshot(step, parts)
    sharded: dict[str, Any] = {}
    for kept in taken.tensors.values():
        sharded |= {name: kept.pop(name) for name in list(kept) if isinstance(kept[name], DTensor)}
    with ExitStack() as stack:
        inside = write_folder(path, replace=True)
        temporary = Path(processes.lead_does(lambda: str(stack.enter_context(inside))))
        pieces.write(temporary / storage.SHARDED, sharded, processes.group, name=str(path))

        def finish() -> None:
            storage.write_files(temporary, taken)
            stack.close()

        processes.lead_does(finish)
    return path
