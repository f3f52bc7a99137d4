"""Arrays: tensors of torch, or arrays of NumPy where torch is not there, as in the slim runtime.

What reads pictures, tables and texts works in NumPy until its last step, and what names answers
only looks at numbers. Both take their few operations from here, so that the same files serve the
whole package and the runtime (`cartograd.apps.runtime`), which answers without torch.
"""

from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch, Tensor = None, np.ndarray
    with suppress(ImportError):
        torch = import_module("torch")
        Tensor = torch.Tensor

_np: Any = np
"""NumPy where it stands for torch, which no type checker can follow."""

SLIM = torch is None
"""Whether arrays are those of NumPy."""


def dtypes() -> tuple[str, ...]:
    """Names of the number types that a port may have."""
    if SLIM:
        return ("bool", "float16", "float32", "float64", "int16", "int32", "int64", "int8", "uint8")
    return tuple(
        sorted(name for name, kind in vars(torch).items() if isinstance(kind, torch.dtype))
    )


def given(values: Any, dtype: str = "", /) -> Tensor:
    """Numbers as an array of a type; of their own if none is named.

    Raises:
        TypeError, ValueError, RuntimeError, OverflowError: they are no numbers, or not of one
            shape.
    """
    if SLIM:
        return _np.asarray(values, dtype=dtype or None)
    return torch.as_tensor(values, dtype=getattr(torch, dtype) if dtype else None)


def of(values: np.ndarray, /) -> Tensor:
    """What NumPy has made, in the same memory."""
    return _np.asarray(values) if SLIM else torch.from_numpy(values)


def like(values: Sequence[float], other: Tensor, /) -> Tensor:
    """Numbers of the type and at the place of others."""
    return _np.array(values, other.dtype) if SLIM else other.new_tensor(values)


def typed(x: Tensor, dtype: str, /) -> Tensor:
    """The same numbers in a type by its name."""
    return _np.asarray(x).astype(dtype, copy=False) if SLIM else x.to(getattr(torch, dtype))


def is_bytes(x: Tensor, /) -> bool:
    """Whether numbers are bytes."""
    return x.dtype == (np.uint8 if SLIM else torch.uint8)


def joined(parts: Sequence[Tensor], axis: int = 0, /) -> Tensor:
    """Arrays one after the other."""
    return _np.concatenate(parts, axis) if SLIM else torch.cat(list(parts), axis)


def stacked(parts: Sequence[Tensor], /) -> Tensor:
    """Arrays of one shape as the rows of another."""
    return _np.stack(parts) if SLIM else torch.stack(list(parts))


def strange(x: Tensor, /) -> int | None:
    """The first row that holds a number that is not finite; None if all are."""
    if SLIM:
        return _first(~np.isfinite(x))
    return _first(~x.isfinite()) if x.is_floating_point() else None


def outside(x: Tensor, low: float, high: float, /) -> int | None:
    """The first row that holds a number out of bounds; None if there is none."""
    return _first((x < low) | (x > high))


def _first(mask: Any) -> int | None:
    if not mask.any():
        return None
    rows = np.asarray(mask if SLIM else mask.cpu()).reshape(len(mask), -1).any(1)
    return int(rows.argmax())


def double(x: Tensor, /) -> Tensor:
    """In float64 on the CPU, without a gradient."""
    return _np.asarray(x, np.float64) if SLIM else x.detach().double().cpu()


def softmax(x: Tensor, /) -> Tensor:
    """exp(x) over its sum, along the last axis."""
    if not SLIM:
        return x.softmax(-1)
    powers = _np.exp(x - _np.max(x, -1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def ranked(x: Tensor, /) -> list[int]:
    """The places of numbers in a row, the largest first; of equal ones the first."""
    return (
        np.argsort(-x, kind="stable") if SLIM else x.argsort(descending=True, stable=True)
    ).tolist()
