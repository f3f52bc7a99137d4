"""Parameter groups: another rate by depth, another rate, decay or optimizer by name.

`layer_decay=0.9` multiplies the rate by 0.9 for each layer below the last, so that what a
pretrained model learned first changes least. `groups={"*.bias": "lr=0.01,weight_decay=0"}` sets
both for parameters whose name matches; the first pattern that does counts, and its rate is not
multiplied further. `{"head.*": "optimizer=adamw"}` has AdamW step what matches, and with
`optimizer=muon` `{"mix": "optimizer=muon"}` has Muon do it. A schedule scales all rates alike.
"""

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn

from cartograd.core.errors import UsageError, unknown
from cartograd.core.spec import Spec
from cartograd.engine.optim.combined import Combined
from cartograd.engine.optim.functional import name_of

SCALE = "lr_scale"
"""Key of a group: its rate as a multiple of the optimizer's."""
KEYS = ("lr", "weight_decay", "optimizer")
Settings = Mapping[str, float | str]


def parsed(given: str | Mapping[str, str] | None, /) -> dict[str, dict[str, float | str]]:
    """What is set by pattern, from `{"head.*": "lr=0.1"}` or the text `head.*:lr=0.1;...`.

    >>> parsed("*.bias:weight_decay=0;head.*:lr=0.1")
    {'*.bias': {'weight_decay': 0.0}, 'head.*': {'lr': 0.1}}

    Raises:
        UsageError: it is written otherwise, or sets something else.
    """
    if given is None:
        return {}
    pairs = given.items() if isinstance(given, Mapping) else _pairs(given)
    found = {}
    for pattern, text in pairs:
        values = Spec.parse(f"group:{text}").args
        for key, value in values.items():
            if key not in KEYS:
                raise unknown("setting of a group", key, KEYS)
            if key == "optimizer":
                if not isinstance(value, str):
                    raise UsageError(f"groups: {pattern}:optimizer={value!r} is no name")
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise UsageError(f"groups: {pattern}:{key}={value!r}; expected a number from 0 on")
            if key == "lr" and value == 0:
                raise UsageError(f"groups: {pattern}:lr=0 trains nothing; freeze these parameters")
        found[pattern] = {k: v if k == "optimizer" else float(v) for k, v in values.items()}
    return found


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs = []
    for part in text.split(";"):
        pattern, colon, values = part.strip().partition(":")
        if not (pattern and colon and values):
            raise UsageError(
                f"groups={text!r} is no list of groups; expected PATTERN:lr=...,weight_decay=..., "
                "or optimizer=..., with ; between them, as in '*.bias:weight_decay=0'"
            )
        pairs.append((pattern, values))
    return pairs


def text_of(groups: Mapping[str, Settings], /) -> str | None:
    """The inverse of `parsed`; None for no groups."""
    parts = (
        f"{pattern}:" + ",".join(f"{key}={value}" for key, value in values.items())
        for pattern, values in groups.items()
    )
    return ";".join(parts) or None


def depths(module: nn.Module, /) -> dict[str, int]:
    """The layer of each parameter, from 0, in the order in which the module names them.

    A child of a container is a layer, down to numbers that follow each other (`stages.0.1`);
    outside of containers each named child is.
    """
    layers: dict[str, int] = {}
    return {
        name: layers.setdefault(_layer(name), len(layers)) for name, _ in module.named_parameters()
    }


def _layer(name: str) -> str:
    parts = name.split(".")
    first = next((i for i, part in enumerate(parts) if part.isdigit()), None)
    if first is None:
        return parts[0]
    end = first
    while end < len(parts) and parts[end].isdigit():
        end += 1
    return ".".join(parts[:end])


def match(name: str, groups: Mapping[str, Settings], /) -> str | None:
    """The first pattern that a parameter's name matches."""
    return next((one for one in groups if fnmatchcase(name, one)), None)


def named_optimizers(module: nn.Module, groups: Mapping[str, Settings], /) -> dict[str, str]:
    """The optimizers that groups name, by the name of the parameter."""
    found = {name: match(name, groups) for name, _ in module.named_parameters()}
    return {
        name: str(groups[pattern]["optimizer"])
        for name, pattern in found.items()
        if pattern is not None and "optimizer" in groups[pattern]
    }


def arrange(
    optimizer: torch.optim.Optimizer,
    module: nn.Module,
    /,
    *,
    layer_decay: float | None = None,
    groups: Mapping[str, Settings],
) -> set[str]:
    """Divide the groups of an optimizer by depth and by name; the patterns that matched.

    Raises:
        UsageError: a group has no weight decay to be set, or no rate to be a multiple of.
    """
    depth = depths(module)
    last = max(depth.values(), default=0)
    used: set[str] = set()
    wanted: dict[int, dict[str, float]] = {}
    for name, parameter in module.named_parameters():
        pattern = match(name, groups)
        settings = {} if pattern is None else groups[pattern]
        own = {key: float(value) for key, value in settings.items() if key != "optimizer"}
        used |= set() if pattern is None else {pattern}
        if layer_decay is not None and "lr" not in own:
            own[SCALE] = layer_decay ** (last - depth[name])
        wanted[id(parameter)] = own
    _divide(optimizer, wanted)
    return used


def _divide(optimizer: torch.optim.Optimizer, wanted: Mapping[int, Mapping[str, float]]) -> None:
    if isinstance(optimizer, Combined):
        for part in optimizer.parts:
            _divide(part, wanted)
        optimizer.join()
        return
    divided: list[dict[str, Any]] = []
    for group in optimizer.param_groups:
        kinds: dict[tuple[tuple[str, float], ...], list[Any]] = {}
        for parameter in group["params"]:
            own = wanted.get(id(parameter), {})
            kinds.setdefault(tuple(sorted(own.items())), []).append(parameter)
        divided += [
            {**group, "params": params, **_settings(group, dict(kind), optimizer)}
            for kind, params in kinds.items()
        ]
    optimizer.param_groups[:] = divided


def _settings(
    group: Mapping[str, Any], own: dict[str, float], optimizer: torch.optim.Optimizer
) -> dict[str, float]:
    """A group's rate, its scale and its decay."""
    if "weight_decay" in own and "weight_decay" not in group:
        raise UsageError(
            f"groups: {name_of(optimizer)} has no weight_decay; leave it out, or use adamw"
        )
    base = float(group["lr"])
    if "lr" in own:
        if base == 0:
            raise UsageError("groups: a rate needs an optimizer whose own is not 0")
        own[SCALE] = own["lr"] / base
    elif SCALE in own:
        own["lr"] = base * own[SCALE]
    return own


def check_used(groups: Collection[str], used: Collection[str], names: Collection[str], /) -> None:
    """Refuse patterns that match nothing.

    Raises:
        UsageError: which, with the names there are.
    """
    for pattern in groups:
        if pattern not in used:
            some = ", ".join(list(names)[:4])
            raise UsageError(
                f"groups: no parameter is left for {pattern!r}; their names are {some}, ..."
            )
