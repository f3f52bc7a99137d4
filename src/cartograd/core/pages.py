"""Pages of memory that a tensor in a file no longer needs.

A file that is mapped into memory takes as much of it as was read. What has been made into another
form is given back to the system at once, page by page; read again, it comes from the file again,
and what the process wrote there itself is kept.

>>> import torch
>>> give_back(torch.ones(3))  # in no file: nothing happens
"""

import contextlib
import ctypes
import mmap
import weakref
from functools import cache
from typing import Any

from jaxtyping import Shaped
from torch import Tensor

PAGE_OUT = 21
"""MADV_PAGEOUT of Linux since 5.4, which loses nothing."""

DONT_NEED = 4
"""MADV_DONTNEED: as in the file again, which the system keeps as long as it has room."""

_FILES = dict[int, weakref.ref[mmap.mmap]]()
"""Where tensors in files begin, and the file of each, which lives as long as one of its tensors."""


def in_file(tensor: Shaped[Tensor, "..."], file: mmap.mmap, /) -> None:
    """Say that a tensor, which has a storage of its own, lies in a file."""
    _FILES[tensor.untyped_storage().data_ptr()] = weakref.ref(file)


def give_back(tensor: Shaped[Tensor, "..."], /) -> None:
    """Give back the pages of a tensor that lies in a file; nothing where it lies elsewhere."""
    if _lies_in_file(tensor):
        _advise(tensor, mmap.PAGESIZE, PAGE_OUT)


def unread(tensor: Shaped[Tensor, "..."], /) -> None:
    """Let go of a tensor's pages that were read, to be read again; it was never written to."""
    if _lies_in_file(tensor):
        _advise(tensor, mmap.PAGESIZE, DONT_NEED)


def trim() -> None:
    """Give memory that was freed to the system, where the C library can do that (glibc)."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _lies_in_file(tensor: Tensor) -> bool:
    if tensor.device.type != "cpu":
        return False
    file = _FILES.get(tensor.untyped_storage().data_ptr())
    return file is not None and file() is not None


def _advise(tensor: Tensor, page: int, *what: int) -> None:
    """Tell the system about the whole pages of a tensor."""
    advise = madvise()
    first = -(-tensor.data_ptr() // page) * page
    last = (tensor.data_ptr() + tensor.nbytes) // page * page
    if advise is not None and last > first:
        for one in what:
            advise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), one)


@cache
def madvise() -> Any:
    """What tells the system about pages; None where there is none."""
    with contextlib.suppress(OSError, AttributeError):
        return ctypes.CDLL("libc.so.6").madvise
    return None
