"""Modules that are taken to a device for a while, and come back to where they were.

Who trains or measures a module finds it on the device on which it was given, so that a program
runs alike on a machine with a GPU and on one without.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import torch
from torch import nn

Homes = list[tuple[nn.Module, torch.device]]


def homes(modules: Iterable[object], /) -> Homes:
    """Where modules are now: each with the device of its first weight, those without left out.

    >>> homes([nn.Linear(2, 2), nn.ReLU()])
    [(Linear(in_features=2, out_features=2, bias=True), device(type='cpu'))]
    """
    found = []
    for module in modules:
        if isinstance(module, nn.Module):
            tensors = (*module.parameters(), *module.buffers())
            found += [(module, tensors[0].device)] if tensors else []
    return found


@contextmanager
def coming_back(before: Homes, /) -> Iterator[None]:
    """After the block, modules are where they were; if it fails, as far as the device allows."""
    try:
        yield
    except BaseException:
        with suppress(RuntimeError):  # a device that has failed gives nothing back
            _back(before)
        raise
    _back(before)


@contextmanager
def visiting(module: nn.Module, device: torch.device, /) -> Iterator[None]:
    """Within the block a module is on a device."""
    with coming_back(homes([module])):
        module.to(device)
        yield


def _back(before: Homes) -> None:
    for module, device in before:
        module.to(device)
