"""Sharded parts of a checkpoint: each process writes its own pieces (torch.distributed.checkpoint).

    step-000000123/sharded/shard-00001-model-00001-of-00001.safetensors    the pieces of process 1

They are safetensors files whose headers say where each piece belongs, so nothing is pickled, any
number of processes can read them, and the manifest of the checkpoint covers them too.
"""

import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.distributed.checkpoint import state_dict_loader, state_dict_saver
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import (
    HuggingFaceStorageReader,
    HuggingFaceStorageWriter,
)
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.tensor import DTensor, Shard, empty

from cartograd.core.errors import UsageError
from cartograd.core.files import write_folder
from cartograd.engine import checkpoint
from cartograd.engine.distributed import shard


def save(folder: Path, step: int, parts: Mapping[str, Any], team: Any, /) -> Path:
    """Write a checkpoint together; called on all processes.

    Raises:
        UsageError: it cannot be written; the older ones are as they were.
    """
    path = folder / f"step-{step:09d}"
    taken = checkpoint.snapshot(step, parts)
    pieces: dict[str, Any] = {}
    for kept in taken.tensors.values():
        pieces |= {name: kept.pop(name) for name in list(kept) if isinstance(kept[name], DTensor)}
    with ExitStack() as stack:
        inside = write_folder(path, replace=True)
        temporary = Path(team.lead_does(lambda: str(stack.enter_context(inside))))
        writer = HuggingFaceStorageWriter(
            str(temporary / checkpoint.SHARDED), save_distributed=True
        )
        try:
            state_dict_saver.save(pieces, storage_writer=writer, process_group=team.group)
        except CheckpointException as error:
            first = next(iter(error.failures.values()))[0]
            raise UsageError(f"cannot write {path}: {first}") from error

        def finish() -> None:
            checkpoint.write_files(temporary, taken)
            stack.close()

        team.lead_does(finish)
    return path


def load(folder: Path, /) -> dict[str, Tensor]:
    """The tensors of a sharded part: this process's pieces under FSDP, else whole.

    Raises:
        UsageError: they cannot be read.
    """
    reader = HuggingFaceStorageReader(str(folder))
    found: dict[str, Tensor] = {}
    for name, about in reader.read_metadata().state_dict_metadata.items():
        assert isinstance(about, TensorStorageMetadata)  # all that we write are tensors
        size, dtype = about.size, about.properties.dtype
        if shard.spread_mesh and len(size):
            mesh = shard.spread_mesh[0]
            found[name] = empty(size, dtype=dtype, device_mesh=mesh, placements=[Shard(0)])
        else:
            found[name] = torch.empty(size, dtype=dtype)
    try:
        with warnings.catch_warnings():  # that it is one process which reads
            warnings.filterwarnings("ignore", "torch.distributed is disabled", UserWarning)
            alone = not shard.spread_mesh
            state_dict_loader.load(found, storage_reader=reader, no_dist=alone)
    except CheckpointException as error:
        first = next(iter(error.failures.values()))[0]
        raise UsageError(f"{folder} cannot be read: {first}") from error
    return found
