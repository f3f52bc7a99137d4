"""Large pages of memory, of which fewer have to be looked up while much is read.

>>> import torch
>>> torch.equal(in_large_pages(torch.ones(9000)), torch.ones(9000))
True
"""

import ctypes
from threading import Lock

import torch
from jaxtyping import Shaped
from torch import Tensor

from cartograd.core.pages import madvise

LARGE, PAGE = 14, 1 << 21
"""MADV_HUGEPAGE of Linux, and the size of such a page."""

LEAST, SHARED, ALIGNED = 1 << 14, 1 << 24, 64
"""Bytes from which a tensor is copied there, of memory that several share, and where they begin."""

MOST = 1 << 28
"""Bytes of such memory at most: it grows with what was copied, as the end of each is left over."""


def in_large_pages(tensor: Shaped[Tensor, "..."], /) -> Shaped[Tensor, "..."]:
    """A copy in large pages of memory, which are sooner looked up, where the system has them.

    Tensors that are smaller than pages are copied into memory that several share; it is given back
    when none of them is used any more.
    """
    if tensor.device.type != "cpu" or tensor.nbytes < LEAST:
        return tensor
    with _LOCK:
        start = -(-_shared.used // ALIGNED) * ALIGNED
        if start + tensor.nbytes > _shared.memory.nbytes:
            some = min(max(SHARED, _shared.total), MOST)
            _shared.memory, start = _large(max(some, tensor.nbytes)), 0
        place = _shared.memory[start : start + tensor.nbytes]
        _shared.used = start + tensor.nbytes
        _shared.total += tensor.nbytes
    return place.view(tensor.dtype).view(tensor.shape).copy_(tensor)


def begin_anew() -> None:
    """Let what is copied next begin in other memory, so that what was there before can go."""
    with _LOCK:
        _shared.memory, _shared.used, _shared.total = torch.empty(0, dtype=torch.uint8), 0, 0


def _large(count: int) -> Tensor:
    """So many bytes, for which large pages are asked before they are touched."""
    with torch.inference_mode(mode=False):
        found = torch.empty(count + PAGE, dtype=torch.uint8)
    start = -found.data_ptr() % PAGE
    advise = madvise()
    if advise is not None:
        whole = count // PAGE * PAGE
        advise(ctypes.c_void_p(found.data_ptr() + start), ctypes.c_size_t(whole), LARGE)
    return found[start : start + count]


class _Shared:
    """Memory of which a part is used, and how much has been copied since it was begun anew."""

    def __init__(self) -> None:
        self.memory, self.used, self.total = torch.empty(0, dtype=torch.uint8), 0, 0


_shared, _LOCK = _Shared(), Lock()
