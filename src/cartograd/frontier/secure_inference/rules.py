"""What torch's functions mean for shared numbers: layers, pooling, sums, and moves of elements."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from cartograd.core.errors import UsageError
from cartograd.frontier.secure_inference.ring import convolved, fixed, windows
from cartograd.frontier.secure_inference.shared import Shared


def _linear(x: Shared, weight: Tensor, bias: Tensor | None = None) -> Shared:
    by = x.by
    found = by.arithmetic.product(lambda a, b: a @ b.mT, x.shares, by.weight(weight))
    found = Shared(by.arithmetic.cut(found), by)
    return found if bias is None else by.plus(found, bias)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (tuple(value) * 2)[:2]


def _convolution(
    x: Shared, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Shared:  # fmt: skip
    if isinstance(padding, str):
        raise UsageError("secure inference has no convolution with padding by name; give a number")
    by, how = x.by, {"stride": _pair(stride), "padding": _pair(padding)}

    def op(a: Tensor, b: Tensor) -> Tensor:
        return convolved(a, b, dilation=_pair(dilation), groups=groups, **how)

    found = by.arithmetic.cut(by.arithmetic.product(op, x.shares, by.weight(weight)))
    if bias is not None:
        found = found + by.weight(bias)[:, None, :, None, None]
    return Shared(found, by)


def _normalised(
    x: Shared, mean: Any, var: Any, weight: Any = None, bias: Any = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Shared:  # fmt: skip
    """By the statistics of training; scale and shift are made by the owner of the model."""
    del momentum
    if training or mean is None:
        raise UsageError("secure inference has batch normalisation by kept statistics alone")
    scale = (1 if weight is None else weight.detach()) / (var + eps).sqrt()
    shift = (0 if bias is None else bias.detach()) - mean * scale
    by, dims = x.by, (-1, *[1] * (x.ndim - 2))
    scaled, moved = (
        Shared(by.weight(one.reshape(dims), (id(mean), name)), by)
        for name, one in (("scale", scale), ("shift", shift))
    )
    return by.plus(by.times(x, scaled), moved)


def _relu(x: Shared, inplace: bool = False) -> Shared:
    del inplace
    return Shared(x.by.arithmetic.relu(x.shares), x.by)


def _clamped(x: Shared, min: Any = None, max: Any = None) -> Shared:
    if min != 0 or max is not None:
        raise UsageError("secure inference has clamp(min=0), which is a ReLU, and no other")
    return _relu(x)


def _seen(x: Shared, kernel_size: Any, stride: Any, padding: Any) -> Tensor:
    """What a pooling sees, `m b c y x n`."""
    if _pair(padding) != (0, 0):
        raise UsageError("secure inference has no pooling with padding")
    size = _pair(kernel_size)
    flat = x.shares.flatten(0, 1)
    found = windows(flat, size, size if not stride else _pair(stride), (1, 1))
    return found.flatten(4).unflatten(0, x.shares.shape[:2])


def _max_pool(
    x: Shared, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Shared:  # fmt: skip
    if ceil_mode or return_indices or _pair(dilation) != (1, 1):
        raise UsageError("secure inference has plain pooling alone: no ceil_mode, no dilation")
    seen = _seen(x, kernel_size, stride, padding)
    while seen.shape[-1] > 1:
        half = seen.shape[-1] // 2
        larger = x.by.arithmetic.larger(seen[..., :half], seen[..., half : 2 * half])
        seen = torch.cat([larger, seen[..., 2 * half :]], -1)
    return Shared(seen[..., 0], x.by)


def _average_pool(x: Shared, kernel_size: Any, stride: Any = None, padding: Any = 0) -> Shared:
    seen = _seen(x, kernel_size, stride, padding)
    return x.by.times(Shared(seen.sum(-1), x.by), 1 / seen.shape[-1])


def _mean(x: Shared, dim: Any = None, keepdim: bool = False) -> Shared:
    dims = range(x.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    places = [1 + place % x.ndim for place in dims]
    count = torch.Size([x.shares.shape[place] for place in places]).numel()
    return x.by.times(Shared(x.shares.sum(places, keepdim=keepdim), x.by), 1 / count)


def _adaptive(x: Shared, output_size: Any) -> Shared:
    if _pair(output_size) != (1, 1):
        raise UsageError("secure inference has global average pooling (to 1) and no other")
    return _mean(x, (-2, -1), keepdim=True)


def _reshaped(x: Shared, *shape: Any) -> Shared:
    sizes = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
    return Shared(x.shares.reshape(len(x.shares), *sizes), x.by)


def _flattened(x: Shared, start_dim: int = 0, end_dim: int = -1) -> Shared:
    start, end = (1 + place % x.ndim for place in (start_dim, end_dim))
    return Shared(x.shares.flatten(start, end), x.by)


def _padded(x: Shared, pad: Sequence[int], mode: str = "constant", value: Any = None) -> Shared:
    if mode != "constant" or value not in (None, 0):
        raise UsageError("secure inference has padding by zeros and no other")
    return Shared(F.pad(x.shares, tuple(pad)), x.by)


def _resized(
    x: Shared, size: Any = None, scale_factor: Any = None, mode: str = "nearest", **how: Any
) -> Shared:
    """Pictures of another size: a product with what all know along each axis."""
    found = x.shares
    shape = x.shape[-2:]
    target = F.interpolate(torch.zeros(1, 1, *shape), size, scale_factor, mode, **how).shape[-2:]
    for axis, (old, new) in enumerate(zip(shape, target, strict=True)):
        eye = torch.eye(old)[None, None]
        along = fixed(F.interpolate(eye, (new, old), mode=mode, **how)[0, 0], x.by.places)
        found = x.by.arithmetic.cut(found @ along.mT if axis else along @ found)
    return Shared(found, x.by)


def _chosen(x: Shared, place: Any) -> Shared:
    places = place if isinstance(place, tuple) else (place,)
    if any(isinstance(one, Tensor) for one in places):
        raise UsageError("secure inference has no choice of elements by tensors")
    return Shared(x.shares[(slice(None), *places)], x.by)


def _same(x: Shared, *_: Any, **__: Any) -> Shared:
    return x


def _dropout(x: Shared, p: float = 0.5, training: bool = True, inplace: bool = False) -> Shared:
    del p, inplace
    if training:
        raise UsageError("secure inference answers; dropout= and draws= are for training")
    return x


def _times(x: Any, other: Any) -> Shared:
    return x.by.times(x, other) if isinstance(x, Shared) else other.by.times(other, x)


def _plus(x: Any, other: Any) -> Shared:
    return x.by.plus(x, other) if isinstance(x, Shared) else other.by.plus(other, x)


def _minus(x: Any, other: Any) -> Shared:
    if isinstance(x, Shared):
        return x.by.plus(x, other, -1)
    return _plus(Shared(-other.shares, other.by), x)


def _over(x: Any, other: Any) -> Shared:
    if isinstance(other, Shared):
        raise UsageError("secure inference has no division by what is shared")
    inverse = 1 / torch.as_tensor(other, dtype=torch.float32)
    return x.by.times(x, inverse, known=x.by.knows(other))


RULES: dict[str, Callable[..., Any]] = {
    "add": _plus, "radd": _plus, "iadd": _plus, "sub": _minus, "mul": _times, "rmul": _times,
    "rsub": lambda x, other: _minus(other, x), "div": _over, "truediv": _over,
    "linear": _linear, "conv2d": _convolution, "batch_norm": _normalised,
    "relu": _relu, "clamp": _clamped, "clamp_min": _clamped, "dropout": _dropout,
    "max_pool2d": _max_pool, "avg_pool2d": _average_pool, "adaptive_avg_pool2d": _adaptive,
    "mean": _mean, "flatten": _flattened, "reshape": _reshaped, "view": _reshaped,
    "pad": _padded, "getitem": _chosen, "interpolate": _resized,
    "contiguous": _same, "float": _same, "to": _same, "detach": _same, "clone": _same,
}  # fmt: skip
"""What can be done with shared numbers, by the names of torch's functions."""
