"""Plain attributes of an objective that change in training, which no state dict holds.

A counter, a temperature that falls, a running mean, a list of past losses: `self.seen += 1`. What
has changed since the run began is kept in each checkpoint and put back when the run goes on; what
has changed and cannot be kept refuses the resume by its name.
"""

import random
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.engine.files.tensor_files import copied
from cartograd.engine.loop.described import FUNCTIONS, digest

DEEP = 8
"""Objects within objects are looked at as far as this."""
WORDS = (bool, int, float, str)
ELSEWHERE = {"cartograd", "torch", "numpy", *sys.stdlib_module_names}
"""Packages whose objects keep what they have to keep."""
OTHERS = {*vars(nn.Module()), "players", "_forward_hooks_always_called"}
"""Attributes that are the module's own, or hold what is kept elsewhere."""


def is_own(value: Any, /) -> bool:
    """Whether a value is a module, or an object of somebody's own class with attributes."""
    if isinstance(value, nn.Module):
        return True
    home = type(value).__module__.partition(".")[0]
    plain = not isinstance(value, (*FUNCTIONS, Tensor))
    return plain and home not in ELSEWHERE and "__dict__" in dir(value)


class Attributes:
    """The attributes of an objective, its modules, and the plain objects that they hold.

    Args:
        objective: as it is when the run begins.
        players: modules that need not be part of it, by name.
    """

    def __init__(self, objective: Any, players: Mapping[str, nn.Module], /) -> None:
        self.roots = {"": objective} | dict(players)
        self.before = {name: _mark(value) for name, _, _, value in self._all()}

    def state_dict(self) -> dict[str, Any]:
        """What has changed, by name, and the names of what has changed and cannot be kept."""
        held, lost = {}, []
        for name, _, key, value in self._all():
            if name in self.before and _same(self.before[name], _mark(value)):
                continue
            if _plain(value):
                held[name] = _packed(value)
            elif not key.startswith("_"):  # a cache, most often
                lost.append(name)
        return {"held": held, "lost": lost}

    def load_state_dict(self, state: Mapping[str, Any], origin: str, /, *, exact: bool) -> None:
        """Put the attributes back.

        Raises:
            UsageError: something changed that could not be kept, and `exact` asks for all of it.
        """
        lost = state.get("lost", [])
        if lost and exact:
            raise UsageError(
                f"{origin} lacks {lost[0]} of the objective, which changed in training and is "
                "nothing that can be kept; give it by get_extra_state and set_extra_state, or go "
                "on without it by exact=False"
            )
        held = copied(state.get("held", {}))
        for name, owner, key, value in [*self._all()]:
            if name in held:
                _put(owner, key, value, held.pop(name))
        for name, value in held.items():  # they came into being in training
            owner = self._owner(name.rpartition(".")[0])
            if owner is not None:
                setattr(owner, name.rpartition(".")[2], value)

    def _all(self) -> Iterator[tuple[str, Any, str, Any]]:
        """Name, owner, key and value of each attribute."""
        seen: set[int] = set()
        for root, value in self.roots.items():
            yield from _walk(root, value, 0, seen)

    def _owner(self, path: str) -> Any:
        """The object of this name."""
        first, *rest = path.split(".") if path else [""]
        if first not in self.roots:
            first, rest = "", path.split(".")
        found: Any = self.roots[first]
        for key in rest:
            children = dict(found.named_children()) if isinstance(found, nn.Module) else {}
            found = children.get(key, vars(found).get(key))
        return found


def _walk(path: str, owner: Any, deep: int, seen: set[int]) -> Iterator[tuple[str, Any, str, Any]]:
    if id(owner) in seen or deep > DEEP or not is_own(owner):
        return
    seen.add(id(owner))
    module = isinstance(owner, nn.Module)
    for key, value in [*vars(owner).items()]:
        if module and key in OTHERS:
            continue
        name = f"{path}.{key}" if path else key
        if is_own(value):
            yield from _walk(name, value, deep + 1, seen)
        elif not isinstance(value, FUNCTIONS) and not _learned(value):
            yield name, owner, key, value
    if module:
        for key, child in owner.named_children():
            yield from _walk(f"{path}.{key}" if path else key, child, deep + 1, seen)


def _learned(value: Any) -> bool:
    """Whether a value is weights, or holds them: these are in state dicts."""
    if isinstance(value, Tensor):
        return value.requires_grad
    if isinstance(value, nn.Module):
        return True
    parts = value.values() if isinstance(value, dict) else value
    return isinstance(value, list | tuple | dict | deque) and any(map(_learned, parts))


def _mark(value: Any) -> Any:
    """What tells whether a value is as it was; the tensor itself, with the count of its changes."""
    if value is None or isinstance(value, WORDS):
        return repr(value)
    if isinstance(value, Tensor):
        return value, value._version
    kept = _packed(value) if _plain(value) else value
    return digest(kept)


def _same(before: Any, now: Any) -> bool:
    if isinstance(before, tuple) and isinstance(now, tuple):
        return before[0] is now[0] and before[1] == now[1]
    return type(before) is type(now) and before == now


def _plain(value: Any) -> bool:
    """Whether a value can be kept without pickle."""
    if value is None or isinstance(value, (*WORDS, Tensor, np.ndarray)):
        return True
    if isinstance(value, torch.Generator | np.random.Generator | random.Random):
        return True
    if isinstance(value, dict):
        return all(isinstance(key, str) and _plain(part) for key, part in value.items())
    return isinstance(value, list | tuple | deque | set) and all(map(_plain, value))


def _packed(value: Any) -> Any:
    """A value as a checkpoint takes it."""
    if isinstance(value, torch.Generator):
        return value.get_state()
    if isinstance(value, np.random.Generator):
        return dict(value.bit_generator.state)
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, set):
        return sorted(map(_packed, value), key=repr)
    if isinstance(value, dict):
        return {key: _packed(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(map(_packed, value))
    return [*map(_packed, value)] if isinstance(value, list | deque) else value


def _put(owner: Any, key: str, now: Any, value: Any) -> None:
    """Set an attribute; tensors in place, so that whoever shares them sees it."""
    if isinstance(now, torch.Generator):
        now.set_state(value)
    elif isinstance(now, np.random.Generator):
        now.bit_generator.state = value
    elif isinstance(now, random.Random):
        version, numbers, spare = value
        now.setstate((version, tuple(numbers), spare))
    elif isinstance(now, deque):
        setattr(owner, key, deque(value, maxlen=now.maxlen))
    elif isinstance(now, set):
        setattr(owner, key, set(value))
    elif isinstance(now, Tensor) and isinstance(value, Tensor) and now.shape == value.shape:
        with torch.no_grad():
            now.copy_(value)
    else:
        setattr(owner, key, value)
