"""Tensors from torch's own files, read without running anything that they hold."""

import pickle
from pathlib import Path
from typing import Any

import torch

from cartograd.core.errors import UsageError


def pickled(file: Path, /) -> dict[str, Any]:
    """What a `.pt` or `.pth` file holds, where that is tensors and plain values.

    Raises:
        UsageError: the file is missing, damaged, or holds code.
    """
    try:
        held = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UsageError(
            f"{file} is not a readable file of torch's tensors ({reason[0]})"
        ) from error
    if not isinstance(held, dict):
        raise UsageError(f"{file} holds a {type(held).__name__}; expected tensors by name")
    return held
