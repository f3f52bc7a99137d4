"""What an object is, as words by name: a run that goes on is compared with itself by these.

Classes and plain settings of an objective, of all its modules, or of batches, however nested;
tensors and arrays by a digest of their numbers. Weights and what else a state dict holds are left
out, as a checkpoint puts them back, and so is what begins with an underscore: it is nobody else's
business.

>>> described(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1)))["1"]
'Dropout(p=0.1, inplace=False)'
"""

import dataclasses
import types
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from blake3 import blake3
from torch import Tensor, nn
from torch.utils.data import DataLoader

from cartograd.core.hashing import digest_of
from cartograd.core.spec import Spec
from cartograd.engine.inputs.loader import Loaded
from cartograd.engine.inputs.stream import Iterated

DEEP, MANY = 8, 64
"""Deeper than this nothing is looked at, and longer lists are digested."""
LOADER = ("dataset", "batch_size", "drop_last", "sampler", "batch_sampler", "collate_fn")
"""What of a DataLoader its batches depend on; not on who makes them, nor how many at once."""
PASSING = {"training", "players", "workers", "generator"}
"""Attributes that say nothing about the result, or say it twice."""
WORDS = (bool, int, float, complex, str, Path, Spec, Enum, torch.dtype, torch.device)
"""What is its own word."""
FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, type)


@runtime_checkable
class Digested(Protocol):
    """Data that know the digest of what is in them."""

    def digest(self) -> str:
        """A word that is another one for other contents."""
        ...


def described(value: Any, /) -> dict[str, str]:
    """What an object is, by the names of its parts."""
    return dict(_walk("", value, 0, set()))


def digest(value: Any, /) -> str:
    """One word for a batch, or anything else that is made of tensors and plain values."""
    hashed = blake3()
    for name, word in _walk("", value, 0, set()):
        hashed.update(f"{name}={word}\n".encode())
    return hashed.hexdigest()[:16]


def _walk(name: str, value: Any, deep: int, seen: set[int]) -> Iterator[tuple[str, str]]:
    """The word of a value, with all of its parts that have one, and then the other parts."""
    word = _word(value)
    if word is not None:
        yield name, word
        return
    if id(value) in seen or deep > DEEP:
        return
    seen.add(id(value))
    kind, parts = _taken_apart(value)
    if not kind and len(parts) > MANY:
        hashed = blake3()
        for key, part in parts.items():
            for inner, text in _walk(str(key), part, deep + 1, seen):
                hashed.update(f"{inner}={text}\n".encode())
        yield name, f"{len(parts)} of digest {hashed.hexdigest()[:16]}"
        return
    words = {key: _word(part) for key, part in parts.items()}
    plain = ", ".join(f"{key}={text}" for key, text in words.items() if text is not None)
    if kind or plain:
        yield name, f"{kind}({plain})"
    for key, part in parts.items():
        if words[key] is None:
            yield from _walk(f"{name}.{key}" if name else str(key), part, deep + 1, seen)


def _word(value: Any) -> str | None:
    """The one word that says all about a value; None where it has parts."""
    if value is None or isinstance(value, WORDS):
        return str(value)
    if isinstance(value, Tensor | np.ndarray | np.generic):
        return _numbers(value)
    if isinstance(value, bytes):
        return f"{len(value)} bytes of digest {blake3(value).hexdigest()[:16]}"
    if isinstance(value, set | frozenset):
        return str(sorted(map(str, value)))
    if (
        isinstance(value, list | tuple)
        and len(value) <= MANY
        and all(isinstance(item, WORDS) for item in value)
    ):
        return ", ".join(map(str, value))
    if isinstance(value, FUNCTIONS):
        return f"{value.__module__}.{value.__qualname__}{_code(value)}"
    one: Any = value
    if issubclass(type(one), Digested):  # the class is asked, as some objects fail where they are
        return f"{type(one).__qualname__} of digest {one.digest()}"
    return None


def _code(function: Any) -> str:
    """What tells two functions without a name apart."""
    if not isinstance(function, types.FunctionType) or function.__name__ != "<lambda>":
        return ""
    code = function.__code__
    return (
        f" {blake3(code.co_code + repr((code.co_consts, code.co_names)).encode()).hexdigest()[:8]}"
    )


def _numbers(value: Any) -> str:
    """Type, shape and digest of numbers."""
    if not isinstance(value, Tensor):
        array = np.ascontiguousarray(value)
        digest = blake3(array.tobytes()).hexdigest()[:16]
        return f"{array.dtype} {array.shape} of digest {digest}"
    told = f"{value.dtype} {tuple(value.shape)}"
    return f"{told} of digest {digest_of([value])}" if value.layout is torch.strided else told


def _taken_apart(value: Any) -> tuple[str, Mapping[Any, Any]]:
    """The class of an object (nothing for a container) and its parts by name.

    A compiled module is the one that was compiled.
    """
    if isinstance(value, nn.Module):
        value = dict(value.named_children()).get("_orig_mod", value)
    if isinstance(value, Mapping):
        return "", value
    if isinstance(value, list | tuple):
        return "", dict(enumerate(value))
    if isinstance(value, partial):
        return "partial", {"function": value.func, "given": (value.args, value.keywords)}
    if isinstance(value, Loaded):
        return _taken_apart(value.loader)
    if isinstance(value, Iterated):
        inner = value.source
        return _taken_apart(inner) if isinstance(inner, DataLoader) else (type(inner).__name__, {})
    if isinstance(value, DataLoader):
        return "DataLoader", {key: getattr(value, key) for key in LOADER}
    kind = type(value).__qualname__
    if isinstance(value, nn.Module):
        return kind, _settings(value) | _unkept(value) | dict(value.named_children())
    if dataclasses.is_dataclass(value):
        named = [item.name for item in dataclasses.fields(value) if item.name[0] != "_"]
        return kind, {name: getattr(value, name) for name in named}
    return kind, _settings(value)


def _settings(value: Any) -> dict[str, Any]:
    """The public attributes of an object."""
    try:
        found = vars(value)
    except TypeError:  # it is written in C
        return {}
    return {k: x for k, x in found.items() if not k.startswith("_") and k not in PASSING}


def _unkept(module: nn.Module) -> dict[str, Any]:
    """What a module's state dict does not hold: buffers of its own, weights that do not learn."""
    own = dict(module.named_buffers(recurse=False))
    fixed = {name: "fixed" for name, weight in module.named_parameters(recurse=False)
             if not weight.requires_grad}  # fmt: skip
    return fixed | {name: own[name] for name in own if name in module._non_persistent_buffers_set}
