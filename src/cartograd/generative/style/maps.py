"""Maps of a network: what its layers say of each place of a picture, by the layers' names.

Blocks count as layers, so that a residual connection is in what a block says. Of those that give
maps of one size the last says most, and one of each size looks at strokes, patches and things.

>>> network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 4, 1))
>>> found = maps(network, network, torch.zeros(1, 1, 8, 8))
>>> [(name, tuple(one.shape[1:])) for name, one in found.items()]
[('0', (2, 6, 6)), ('1', (2, 6, 6)), ('2', (2, 3, 3)), ('3', (4, 3, 3))]
>>> last_of_each_size(found)
('1', '3')
"""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

Maps = Mapping[str, Float[Tensor, "b c y x"]]
"""Maps by the names of the layers that gave them, in the order of the calls."""


def maps(
    network: nn.Module,
    answer: Callable[[Tensor], Any],
    x: Float[Tensor, "b c y x"],
    /,
    *,
    layers: Collection[str] | None = None,
) -> dict[str, Float[Tensor, "b c2 y2 x2"]]:
    """What layers of a network say of each place; gradients go through.

    Args:
        network: whose layers are looked at; a layer that is called twice counts the second time.
        answer: calls it, as with standardised pictures.
        x: pictures.
        layers: names of those wanted; all that give maps if left out.
    """
    found: dict[str, Tensor] = {}

    def note(name: str, _layer: nn.Module, _x: Any, y: Any) -> None:
        if isinstance(y, Tensor) and y.ndim == 4 and len(y) == len(x) and y.is_floating_point():
            found.pop(name, None)
            found[name] = y

    hooks = [
        layer.register_forward_hook(partial(note, name))
        for name, layer in network.named_modules()
        if name and (layers is None or name in layers)
    ]
    try:
        answer(x)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def last_of_each_size(found: Maps, /) -> tuple[str, ...]:
    """The last layer of each size of maps, the largest first; maps of one place are left out."""
    last: dict[tuple[int, ...], str] = {}
    for name, one in found.items():
        last[tuple(one.shape[2:])] = name
    sizes = sorted((size for size in last if torch.Size(size).numel() > 1), reverse=True)
    return tuple(last[size] for size in sizes)
