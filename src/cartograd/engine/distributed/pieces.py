"""Sharded tensors: each process writes its own shards (torch.distributed.checkpoint).

    step-000000123/sharded/shard-00001-model-00001-of-00001.safetensors    the pieces of process 1

The shards are in safetensors files whose headers say where each belongs, so nothing is pickled, any
number of processes can read them, and the manifest of the checkpoint covers them too.
"""

import warnings
from collections.abc import Mapping
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
from torch.distributed.tensor import Shard, empty

from cartograd.core.errors import UsageError
from cartograd.engine.distributed import shard


def write(folder: Path, tensors: Mapping[str, Any], group: Any, /, *, name: str) -> None:
    """Write sharded tensors; called on all processes of a group.

    Raises:
        UsageError: they cannot be written.
    """
    writer = HuggingFaceStorageWriter(str(folder), save_distributed=True)
    try:
        state_dict_saver.save(dict(tensors), storage_writer=writer, process_group=group)
    except CheckpointException as error:
        first = next(iter(error.failures.values()))[0]
        raise UsageError(f"cannot write {name}: {first}") from error


def load(folder: Path, /) -> dict[str, Tensor]:
    """The tensors of a sharded part: this process's shards under FSDP, else full tensors.

    Raises:
        UsageError: they cannot be read.
    """
    reader = HuggingFaceStorageReader(str(folder))
    tensors: dict[str, Tensor] = {}
    for name, about in reader.read_metadata().state_dict_metadata.items():
        assert isinstance(about, TensorStorageMetadata)  # all that we write are tensors
        size, dtype = about.size, about.properties.dtype
        if shard.spread_mesh and len(size):
            mesh = shard.spread_mesh[0]
            tensors[name] = empty(size, dtype=dtype, device_mesh=mesh, placements=[Shard(0)])
        else:
            tensors[name] = torch.empty(size, dtype=dtype)
    try:
        with warnings.catch_warnings():  # that it is one process which reads
            warnings.filterwarnings("ignore", "torch.distributed is disabled", UserWarning)
            alone = not shard.spread_mesh
            state_dict_loader.load(tensors, storage_reader=reader, no_dist=alone)
    except CheckpointException as error:
        first = next(iter(error.failures.values()))[0]
        raise UsageError(f"{folder} cannot be read: {first}") from error
    return tensors
