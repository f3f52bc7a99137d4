"""Tensors of a safetensors file that stay in it: memory is taken as they are read.

The file is mapped privately, so what is written to a tensor is the process's own, and the file
stays as it is. A tensor that does not begin at a multiple of its numbers' size is copied. Pages
that were only read can be given back (`core.pages`); they come again from the file.

References:
    Hugging Face: Safetensors. 2022. https://huggingface.co/docs/safetensors
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.pages import in_file
from cartograd.engine.files.aliases import with_aliases
from cartograd.engine.files.tensor_files import TYPES


def mapped_tensors(path: Path, /) -> dict[str, Tensor]:
    """The tensors of a file that nobody will change in place, by their names.

    Raises:
        UsageError: the file is missing or not safetensors.
    """
    try:
        with safe_open(path, framework="pt") as file:  # it has checked the offsets
            names, about = list(file.keys()), file.metadata() or {}
        with path.open("rb") as file:
            start = 8 + int.from_bytes(file.read(8), "little")
            header: dict[str, Any] = json.loads(file.read(start - 8))
        whole = torch.from_file(
            str(path), shared=False, size=path.stat().st_size, dtype=torch.uint8
        )
    except (OSError, RuntimeError, SafetensorError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    in_file(whole)
    strange = {header[name]["dtype"] for name in names} - set(TYPES)
    if strange:
        raise UsageError(f"{path} cannot be read: numbers of type {min(strange)} are not known")
    found = {name: _tensor(whole, start, header[name]) for name in names}
    return with_aliases(path, found, about)


def _tensor(whole: Tensor, start: int, told: dict[str, Any]) -> Tensor:
    dtype, (begin, end) = TYPES[told["dtype"]], told["data_offsets"]
    part = whole[start + begin : start + end]
    if (start + begin) % dtype.itemsize or not len(part):
        part = part.clone()
    return part.view(dtype).view(told["shape"])
