"""Tensors to files and back, never by pickle."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.files import write_hashed
from cartograd.engine.files.aliases import with_aliases
from cartograd.engine.files.counted_names import renumbered

_DTYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8",
    torch.uint64: "U64", torch.uint32: "U32", torch.uint16: "U16", torch.uint8: "U8",
    torch.bool: "BOOL", torch.complex64: "C64",
    torch.float8_e4m3fn: "F8_E4M3", torch.float8_e5m2: "F8_E5M2",
}  # fmt: skip
"""What safetensors calls them."""

TYPES = {name: dtype for dtype, name in _DTYPES.items()}
"""The types by these names."""


def write_tensors(
    path: Path,
    tensors: Mapping[str, Any],
    /,
    *,
    about: Mapping[str, str] | None = None,
    once: bool = False,
) -> str:
    """Write tensors as safetensors, one that several names share once; the file's BLAKE3.

    What is no tensor (a module's `get_extra_state` may give a dictionary) is kept as JSON in the
    file's header, its tensors beside the others.

    The format is a length, a JSON header and the tensors' bytes. We write it ourselves, straight
    from the tensors' memory, to compute the BLAKE3 meanwhile; safetensors would have us read the
    file again.

    Args:
        path: the file.
        tensors: and other values, by their names.
        about: what the header says besides.
        once: the file will hardly be read soon.

    Raises:
        OSError: the file cannot be written, e.g. the disk is full.
        UsageError: safetensors has no name for a tensor's type, or something would need pickle.
    """
    kept: dict[str, Tensor] = {}
    first: dict[tuple[Any, ...], str] = {}
    aliases: dict[str, str] = {}
    plain = {name: item for name, item in tensors.items() if isinstance(item, Tensor)}
    extra = {
        name: pack(item, f"{name} (extra state)", plain)
        for name, item in tensors.items()
        if name not in plain
    }
    for name, tensor in plain.items():
        same = identity(tensor)
        if tensor.numel() and same in first:
            aliases[name] = first[same]
            continue
        first[same] = name
        kept[name] = tensor.detach().cpu().contiguous()
    told = dict(about or {}) | {"aliases": json.dumps(aliases)}
    told |= {"extra": json.dumps(extra)} if extra else {}
    header: dict[str, Any] = {"__metadata__": told}
    parts: list[bytes | memoryview] = []
    end = 0
    for name, tensor in sorted(kept.items(), key=lambda item: (-item[1].itemsize, item[0])):
        if tensor.dtype not in _DTYPES:
            raise UsageError(f"cannot keep {name}: a file has no {tensor.dtype}; use another type")
        begin, end = end, end + tensor.nbytes
        entry = {"dtype": _DTYPES[tensor.dtype], "shape": list(tensor.shape)}
        header[name] = entry | {"data_offsets": [begin, end]}
        if tensor.numel():
            parts.append(tensor.reshape(-1).view(torch.uint8).numpy().data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return write_hashed(path, [len(text).to_bytes(8, "little"), text, *parts], once=once)


def identity(tensor: Tensor, /) -> tuple[Any, ...]:
    """Equal for two tensors that are the same memory seen in the same way."""
    return tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype, tensor.device


def read_tensors(path: Path, /) -> dict[str, Any]:
    """The inverse of `write_tensors`.

    Raises:
        UsageError: the file is missing or not safetensors.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
            told = file.metadata() or {}
            extra = json.loads(told.get("extra", "{}"))
    except (OSError, SafetensorError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    tensors = with_aliases(path, tensors, told)
    return tensors if not extra else _with_extra(path, tensors, extra)


def read_about(path: Path, /) -> dict[str, str]:
    """What the header of a file of `write_tensors` says besides; nothing of a file that is none."""
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError):
        return {}


def _with_extra(path: Path, tensors: dict[str, Tensor], extra: Any) -> dict[str, Any]:
    """The tensors, and what was kept beside them as JSON with the tensors that it holds."""
    try:
        found = {name: unpack(value, tensors) for name, value in extra.items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: its extra state is damaged") from error
    inner = {name for name in tensors if any(name.startswith(f"{key} (extra") for key in found)}
    return {name: item for name, item in tensors.items() if name not in inner} | found


def plain_name(name: str, /) -> str:
    """The name of a weight without what `torch.compile` puts before it."""
    return name.replace("_orig_mod.", "")


def plain_names(state: Mapping[str, Any], /) -> dict[str, Any]:
    """A state dict under plain names."""
    return {plain_name(name): value for name, value in state.items()}


def load_into(
    module: nn.Module,
    tensors: Mapping[str, Any],
    origin: str,
    placed: Callable[[Any, Any], Any] = lambda tensor, _: tensor,
    /,
) -> None:
    """Load a state dict, each name and shape as expected, each tensor `placed` as the one there is.

    Raises:
        UsageError: which tensor is missing, unexpected or of another shape in `origin`.
    """
    expected = module.state_dict()
    tensors = check_state(module, tensors, origin)
    module.load_state_dict({name: placed(tensors[name], expected[name]) for name in expected})


def check_state(module: nn.Module, tensors: Mapping[str, Any], origin: str, /) -> dict[str, Any]:
    """A state dict under the module's own names, if it fits.

    Raises:
        UsageError: which tensor is missing, unexpected or of another shape in `origin`.
    """
    expected = module.state_dict()
    own = {plain_name(name): name for name in expected}
    tensors = {own.get(plain_name(name), name): tensor for name, tensor in tensors.items()}
    if tensors.keys() != expected.keys() and any("/" in name for name in expected):
        same = renumbered(tensors, expected) or {}
        tensors = {same.get(name, name): tensor for name, tensor in tensors.items()}
    missing = [name for name in expected if name not in tensors]
    unexpected = [name for name in tensors if name not in expected]
    if told := [said for name in missing if (said := _lacking(module, name))]:
        raise UsageError(f"{origin} {told[0]}")
    if missing or unexpected:
        kinds = {"lacks": missing, "has besides": unexpected}
        told = "; it ".join(
            f"{verb} {names[0]!r}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
            for verb, names in kinds.items()
            if names
        )
        raise UsageError(f"{origin} is of another model than {type(module).__name__}: it {told}")
    for name, tensor in tensors.items():
        wanted = expected[name]
        if isinstance(wanted, Tensor) != isinstance(tensor, Tensor):
            raise UsageError(f"{origin} is of another model: {name!r} is no such value there")
        if isinstance(tensor, Tensor) and tensor.shape != wanted.shape:
            raise UsageError(
                f"{origin} is of another model: {name!r} has shape {tuple(tensor.shape)} and "
                f"{type(module).__name__} expects {tuple(wanted.shape)}"
            )
    return tensors


@runtime_checkable
class Remade(Protocol):
    """A layer whose older states lack a name, and meant something else."""

    @property
    def lacking(self) -> Mapping[str, str]:
        """What is said of a state, by the name that it lacks."""
        ...


def _lacking(module: nn.Module, name: str) -> str:
    """What the layer of a tensor says of a state that has none: one that meant something else."""
    place, _, own = name.rpartition(".")
    layer = dict(module.named_modules()).get(place)
    return layer.lacking.get(own, "") if isinstance(layer, Remade) else ""


PLAIN = {type(None), bool, int, float, str}


def pack(value: Any, name: str, tensors: dict[str, Tensor], /) -> Any:
    """A nested value as JSON types, its tensors put into `tensors` under names that it refers to.

    Raises:
        UsageError: something in it would need pickle.
    """
    if isinstance(value, Tensor) and value.layout is torch.strided:
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, dict):
        items = [[key, pack(item, f"{name}.{key}", tensors)] for key, item in value.items()]
        return {"dict": items}
    if isinstance(value, tuple | list):
        items = [
            item if type(item) in PLAIN else pack(item, f"{name}.{number}", tensors)
            for number, item in enumerate(value)
        ]  # the state of Python's generator is 625 numbers
        return {"tuple": items} if isinstance(value, tuple) else items
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        tensors[name] = torch.from_numpy(value)
        return {"array": name}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise UsageError(f"cannot keep {name}, a {type(value).__name__}, without pickle")


def unpack(value: Any, tensors: Mapping[str, Tensor], /) -> Any:
    """The inverse of `pack`."""
    if isinstance(value, list):
        return [unpack(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return tensors[value["tensor"]]
    if "array" in value:
        return tensors[value["array"]].numpy()
    if "tuple" in value:
        return tuple(unpack(item, tensors) for item in value["tuple"])
    return {key: unpack(item, tensors) for key, item in value["dict"]}


def copied(state: Any, /) -> Any:
    """A state, however nested, with its tensors copied, so that training does not change it."""
    if isinstance(state, Tensor):
        return state.detach().clone()
    if isinstance(state, np.ndarray):
        return state.copy()
    if isinstance(state, dict):
        return {key: copied(item) for key, item in state.items()}
    if isinstance(state, tuple | list):
        return type(state)(copied(item) for item in state)
    return state


def as_tuple(batch: Any, /) -> Any:
    """A lone tensor as a tuple of one, a list as a tuple; a dict stays one."""
    if isinstance(batch, Tensor):
        return (batch,)
    return tuple(batch) if isinstance(batch, list) else batch


def same_device(tensors: Any, device: torch.device, /) -> Any:
    """A batch, or any nest of tuples, lists and dicts, on a device."""
    if isinstance(tensors, Tensor):
        return tensors.to(device, non_blocking=True)
    if isinstance(tensors, dict):
        return {key: same_device(item, device) for key, item in tensors.items()}
    if isinstance(tensors, tuple | list):
        return tuple(same_device(item, device) for item in tensors)
    return tensors
