"""Tensors of a safetensors file that stay in it: memory is taken as they are read.

The file is mapped privately, so what is written to a tensor is the process's own, and the file
stays as it is. A tensor that does not begin at a multiple of its numbers' size is copied. Pages
that were only read can be given back (`core.pages`); they come again from the file.

What is written into a mapped file changes tensors that were not read yet. So a file that other
users may write to, or that is another user's, is read into memory as a whole.

References:
    Hugging Face: Safetensors. 2022. https://huggingface.co/docs/safetensors
"""

import json
import mmap
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.pages import in_file, trim, unread
from cartograd.engine.files.aliases import with_aliases
from cartograd.engine.files.tensor_files import TYPES


def mapped_tensors(path: Path, /) -> dict[str, Tensor]:
    """The tensors of a file that nobody will change in place, by their names.

    Each has a storage of its own, so that a copy of one copies nothing of the others.

    Raises:
        UsageError: the file is missing or not safetensors.
    """
    try:
        with safe_open(path, framework="pt") as file:  # it has checked the offsets
            names, about = list(file.keys()), file.metadata() or {}
        with path.open("rb") as file:
            start = 8 + int.from_bytes(file.read(8), "little")
            header: dict[str, Any] = json.loads(file.read(start - 8))
        content = _content(path)
    except (OSError, RuntimeError, SafetensorError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    strange = {header[name]["dtype"] for name in names} - set(TYPES)
    if strange:
        raise UsageError(f"{path} cannot be read: numbers of type {min(strange)} are not known")
    found = {name: _tensor(content, start, header[name]) for name in names}
    return with_aliases(path, found, about)


def adopt(module: nn.Module, tensors: Mapping[str, Any], /) -> None:
    """Make tensors a module's own memory where they are as it needs them: no second copy.

    Args:
        module: what is not adopted stays, to be loaded.
        tensors: by the names of its state.
    """
    taken = set[int]()
    for name, own in module.state_dict(keep_vars=True).items():
        given = tensors[name]
        if not isinstance(own, nn.Parameter) or not isinstance(given, Tensor):
            continue
        same = given.shape == own.shape and given.dtype == own.dtype and given.device == own.device
        if same and given.is_contiguous() and own.is_contiguous():
            if given.data_ptr() not in taken:  # what is one in the file may be two in the model
                own.data = given.detach()
            taken.add(given.data_ptr())


def leave(tensors: Mapping[str, Any], /) -> None:
    """Let go of what was read of tensors that nobody has written to."""
    for tensor in tensors.values():
        if isinstance(tensor, Tensor):
            unread(tensor)
    trim()  # what was only read to be parsed


def _content(path: Path) -> mmap.mmap | np.ndarray:
    """All bytes of a file, which stay in it if nobody else may change them."""
    about = path.stat()
    if not own(about.st_uid) or about.st_mode & stat.S_IWOTH:
        return np.fromfile(path, dtype=np.uint8)
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


def own(user: int, /) -> bool:
    """Whether a file of this user changes only as we do it, or the system's administrator."""
    return os.name != "posix" or user in (0, os.geteuid())


def _tensor(content: mmap.mmap | np.ndarray, start: int, told: dict[str, Any]) -> Tensor:
    dtype, (begin, end) = TYPES[told["dtype"]], told["data_offsets"]
    if begin == end:
        return torch.empty(told["shape"], dtype=dtype)
    part = torch.frombuffer(content, dtype=torch.uint8, count=end - begin, offset=start + begin)
    if (start + begin) % dtype.itemsize:
        part = part.clone()
    elif isinstance(content, mmap.mmap):
        in_file(part, content)
    return part.view(dtype).view(told["shape"])
