"""Tensors from torch's own files, read without running anything that they hold."""

import pickle
import struct
from pathlib import Path
from typing import Any

import torch

from cartograd.core.errors import UsageError, first_line

UNREADABLE = (
    OSError, EOFError, RuntimeError, ValueError, LookupError, TypeError, AttributeError,
    AssertionError, OverflowError, MemoryError, pickle.UnpicklingError, struct.error,
)  # fmt: skip
"""What torch raises, whatever its reader meets in a damaged file."""


def pickled(file: Path, /) -> dict[str, Any]:
    """What a `.pt` or `.pth` file holds, where that is tensors and plain values.

    Raises:
        UsageError: the file is missing, damaged, or holds code.
    """
    try:
        held = torch.load(file, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise UsageError(
            f"{file} is not a readable file of torch's tensors ({first_line(error)})"
        ) from error
    if not isinstance(held, dict):
        raise UsageError(f"{file} holds a {type(held).__name__}; expected tensors by name")
    return held
