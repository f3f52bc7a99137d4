"""A model's linear layers, replaced by ones with weights in groups."""

import copy
from collections.abc import Callable

from torch import nn

from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.practice.compression.few_chain import chained
from cartograd.practice.compression.group_linear import GroupLinear

REBUILT = "group-weights"
"""The compressor by whose name a bundle is built again, whichever chose the numbers."""

Choose = Callable[[str, nn.Linear], GroupLinear]
"""From a layer and its name to the layer in its place."""


def replaced(model: nn.Module, choose: Choose, /, *, bits: int, group: int) -> nn.Module:
    """A copy of a model with other linear layers.

    Args:
        model: of any kind.
        choose: makes them.
        bits: of a number.
        group: neighbours with one scale.

    Raises:
        UsageError: it has no linear layer.
    """
    made = copy.deepcopy(model)
    if isinstance(made, nn.Linear):
        return choose("", made)
    found = [
        (part, name, f"{place}.{name}" if place else name, layer)
        for place, part in made.named_modules()
        for name, layer in part.named_children()
        if isinstance(layer, nn.Linear)
    ]
    if not found:
        raise UsageError(
            "this model has no linear layer left whose weights could be rounded; quantize-static "
            "rounds convolutions, too"
        )
    chosen: dict[int, GroupLinear] = {}  # a layer that stands in two places is one layer still
    for part, name, whole, layer in found:
        if id(layer) not in chosen:
            chosen[id(layer)] = choose(whole, layer)
        setattr(part, name, chosen[id(layer)])
    if isinstance(made, Signed) and isinstance(model, Signed) and model.spec is not None:
        made.spec = Spec(REBUILT, {"bits": bits, "group": group, "model": model.spec})
    return chained(made)
