"""Memory that is asked for is compared with what is free, before it is taken.

A size in a command, a file of settings or a bundle may be any number: `moons:examples=10**18`, a
layer of 10^12 units. An operating system often promises more memory than it has, and ends the
program that then uses it; so the sizes of new tensors are looked at before they are made.

>>> from cartograd.core.errors import UsageError
>>> with affordable("this layer"):
...     torch.empty(10**15, 10**3)
Traceback (most recent call last):
cartograd.core.errors.UsageError: this layer asks for 4e+09 GB of memory, and ... GB are free ...
"""

import math
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.overrides import TorchFunctionMode

from cartograd.core.errors import UsageError
from cartograd.core.fits import finite

SHAPED = {torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn, torch.full}
"""Functions whose first arguments are a shape."""

COUNTED = {torch.arange, torch.eye, torch.randperm}
"""Functions whose first argument says how many there are, where it is the only one."""

WORDS = ("allocate memory", "out of memory", "not enough memory", "calculation overflowed",
         "overflow when unpacking", "failed to unpack", "array is too big",
         "maximum allowed dimension")  # fmt: skip
"""What errors of torch and NumPy say where a size is impossible."""


def available() -> int:
    """Bytes that a program can still take without swapping, or 0 where it is not known."""
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        text = ""
    found = re.search(r"^MemAvailable:\s*(\d+) kB", text, re.MULTILINE)
    if found is not None:
        return int(found[1]) * 1024
    names = ("SC_AVPHYS_PAGES", "SC_PAGE_SIZE")
    if sys.platform == "win32" or not all(name in os.sysconf_names for name in names):
        return 0
    return os.sysconf(names[0]) * os.sysconf(names[1])


@contextmanager
def affordable(what: str, /) -> Iterator[None]:
    """Within the block, tensors and weights that do not fit into memory are a mistake of the user.

    On torch's meta device nothing takes memory, and only sizes that no machine has are refused.

    Args:
        what: asks for them.

    Raises:
        UsageError: what is asked for, and what is free.
    """
    room = 0 if torch.get_default_device().type == "meta" else available()
    counted = _Weights(what, room)
    handle = register_module_parameter_registration_hook(counted)
    try:
        with _Sizes(what, room):
            yield
    except UsageError:
        raise
    except (MemoryError, OverflowError) as error:
        raise _impossible(what, error) from error
    except (RuntimeError, ValueError, TypeError) as error:  # how torch and NumPy say the same
        if not any(word in str(error).lower() for word in WORDS):
            raise
        raise _impossible(what, error) from error
    finally:
        handle.remove()


def _impossible(what: str, error: BaseException) -> UsageError:
    told = type(error).__name__ if isinstance(error, MemoryError) else str(error).split("\n")[0]
    return UsageError(f"{what} asks for sizes that cannot be had ({told[:120]}); ask for less")


def _lacking(what: str, wanted: int, room: int) -> UsageError:
    return UsageError(
        f"{what} asks for {wanted / 1e9:,.3g} GB of memory, and {room / 1e9:,.3g} GB are free "
        "here; ask for less"
    )


class _Sizes(TorchFunctionMode):
    """Looks at the size of each new tensor."""

    def __init__(self, what: str, room: int) -> None:
        super().__init__()
        self.what, self.room = what, room

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Called by torch for each of its functions."""
        named = kwargs or {}
        if self.room and (func in SHAPED or func in COUNTED or func is torch.randint):
            wanted = _numbers(func, args, named) * _width(func, named.get("dtype"))
            if wanted > self.room:
                raise _lacking(self.what, wanted, self.room)
        return func(*args, **named)


def _numbers(func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> int:
    """How many numbers a new tensor has; 0 where that is not seen at a glance."""
    if func in COUNTED:
        first = args[0] if len(args) == 1 else 0
        count = int(first) if finite(first) else 0
        return count**2 if func is torch.eye else count
    shape = named.get("size", args[0] if args else ())
    if func is torch.randint:
        shape = named.get("size", args[-1] if args else ())
    sizes = shape if isinstance(shape, tuple | list) else args
    whole = [size for size in sizes if isinstance(size, int)]
    return math.prod(whole) if len(whole) == len(sizes) else 0


def _width(func: Callable[..., Any], dtype: Any) -> int:
    """Bytes of a number."""
    if isinstance(dtype, torch.dtype):
        return dtype.itemsize
    return 8 if func in (torch.arange, torch.randint, torch.randperm) else 4


class _Weights:
    """Adds up the weights of a model while it is built."""

    def __init__(self, what: str, room: int) -> None:
        self.what, self.room, self.total = what, room, 0
        self.seen: set[int] = set()

    def __call__(self, _: nn.Module, __: str, weight: Any) -> None:
        if not self.room or weight is None or id(weight) in self.seen or weight.is_meta:
            return
        self.seen.add(id(weight))
        self.total += weight.nbytes
        if self.total > self.room:
            raise _lacking(self.what, self.total, self.room)
