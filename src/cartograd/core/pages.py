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
from functools import cache
from typing import Any

from jaxtyping import Shaped
from torch import Tensor

PAGE_OUT = 21
"""MADV_PAGEOUT of Linux since 5.4, which loses nothing: also where it is told of other memory."""

LARGE, COLLAPSE, PAGE = 14, 25, 1 << 21
"""MADV_HUGEPAGE, MADV_COLLAPSE of Linux since 6.1, and the size of such a page."""

_FILES = set[int]()
"""Where files that were mapped begin."""


def in_file(whole: Shaped[Tensor, "..."], /) -> None:
    """Say that a tensor, and so what is a part of it, lies in a file."""
    _FILES.add(whole.untyped_storage().data_ptr())


def give_back(tensor: Shaped[Tensor, "..."], /) -> None:
    """Give back the pages of a tensor that lies in a file; nothing where it lies elsewhere."""
    if tensor.device.type != "cpu" or tensor.untyped_storage().data_ptr() not in _FILES:
        return
    advise, page = _madvise(), mmap.PAGESIZE
    first = -(-tensor.data_ptr() // page) * page
    last = (tensor.data_ptr() + tensor.nbytes) // page * page
    if advise is not None and last > first:
        advise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), PAGE_OUT)


def in_large_pages(tensor: Shaped[Tensor, "..."], /) -> None:
    """Ask for large pages for a tensor in memory, which are sooner looked up; nothing in a file."""
    if tensor.device.type != "cpu" or tensor.untyped_storage().data_ptr() in _FILES:
        return
    advise = _madvise()
    first = -(-tensor.data_ptr() // PAGE) * PAGE
    last = (tensor.data_ptr() + tensor.nbytes) // PAGE * PAGE
    if advise is not None and last > first:
        for how in (LARGE, COLLAPSE):  # those to come, and those that are there
            advise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), how)


@cache
def _madvise() -> Any:
    with contextlib.suppress(OSError, AttributeError):
        return ctypes.CDLL("libc.so.6").madvise
    return None
