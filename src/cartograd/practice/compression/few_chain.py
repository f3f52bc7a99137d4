"""Layers with rounded weights one after another, with ReLU or GELU between them, as one call.

Around a compiled product of a few rows (`few_rows`) a layer's own call, the memory of its answer
and ReLU's take a fifth of the time of 1,024 units. So a `torch.nn.Sequential` of nothing else goes
from product to product itself: its inputs are looked at once, memory is used again, and ReLU and
GELU (`few_gelu`) write where they read. Its parts stay what and where they are, but for GELU, which
becomes the compiled one, as it does between the rounded layers of a Transformer. Whatever looks at
one of them (a hook, a trace, a counter), asks for a gradient or computes elsewhere has them called
one by one, as ever.

Shapes: inputs `n d`, outputs `n d2`.

>>> import torch
>>> quick = Chain(nn.Linear(4, 3), nn.ReLU())  # nothing is rounded here: as `Sequential`
>>> quick(torch.ones(2, 4)).shape
torch.Size([2, 3])
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Shaped
from torch import Tensor, nn
from torch.nn.modules import module as every

from cartograd.architectures.transformer.feed_forward import ACTIVATIONS, FeedForward
from cartograd.practice.compression import few_gelu, few_rows
from cartograd.practice.compression.few_gelu import CompiledGELU, Form, Quick
from cartograd.practice.compression.few_rows import FewRows
from cartograd.practice.compression.group_linear import GroupLinear
from cartograd.practice.compression.int8_linear import Int8Linear
from cartograd.practice.compression.quantised_layer import QuantisedLayer

ROUNDED = Int8Linear, GroupLinear, QuantisedLayer
NOTHING = nn.Dropout, nn.Identity
"""What does nothing in inference."""
PARTS = *ROUNDED, *NOTHING, nn.ReLU, nn.GELU

Curve = Literal["", "relu", "none", "tanh"]
"""What follows a product: nothing, ReLU, or a form of GELU."""

GELUS: dict[Callable[[Tensor], Tensor], Form] = {
    ACTIVATIONS["gelu"][0]: "none",
    ACTIVATIONS["gelu-tanh"][0]: "tanh",
}
"""Those of a Transformer's feed-forward parts."""


class Chain(nn.Sequential):
    """A `Sequential` whose rounded layers of a few rows follow each other at once."""

    def forward(self, input: Shaped[Tensor, "..."]) -> Shaped[Tensor, "..."]:
        """What its parts compute, one after another."""
        plain = input.ndim == 2 and few_rows.readable(input, input.shape[1])
        steps = self._steps(len(input)) if plain else []  # a trace's shapes are no numbers
        if not steps or steps[0][0].d != input.shape[1]:
            return super().forward(input)
        x, spare = input, dict[int, Tensor]()
        for few, curve in steps:
            y = spare.pop(few.d2, None)
            y = x.new_empty(x.shape[0], few.d2) if y is None else y
            few.into(x, y)
            _bend(y, curve)
            if x is not input:
                spare[few.d] = x
            x = y
        return x

    def _steps(self, count: int) -> list[tuple[FewRows, Curve]]:
        """The products of so many rows, and what follows; none where parts are called themselves.

        Args:
            count: of rows.
        """
        steps: list[tuple[FewRows, Curve]] = []
        if every._global_forward_hooks or every._global_forward_pre_hooks:
            return []
        for part in self._modules.values():
            if part is None or part._forward_hooks or part._forward_pre_hooks:
                return []
            few = _few(part, count)
            fits = not steps or few is None or steps[-1][0].d2 == few.d
            if few is not None and fits:
                steps.append((few, ""))
            elif isinstance(part, NOTHING) and not (part.training and _drops(part)):
                continue
            elif _curve(part) and steps and not steps[-1][1]:
                steps[-1] = steps[-1][0], _curve(part)
            else:
                return []
        return steps


def _bend(y: Tensor, curve: Curve) -> None:
    if curve == "relu":
        y.relu_()
    elif curve and few_gelu.taken(curve):
        few_gelu.into(y, y, curve)
    elif curve:
        torch.ops.aten.gelu_(y, approximate=curve)


def _curve(part: nn.Module) -> Curve:
    """What a part between two products is."""
    if type(part) is nn.ReLU:
        return "relu"
    return part.form if type(part) is CompiledGELU else ""


def _drops(part: nn.Module) -> bool:
    return isinstance(part, nn.Dropout) and part.p > 0


def _few(part: nn.Module, count: int) -> FewRows | None:
    """The product of a layer that computes so many rows by it alone."""
    if isinstance(part, QuantisedLayer):
        few = part.few
        return few if few is not None and part.follows((count, few.d)) else None
    if not isinstance(part, Int8Linear | GroupLinear) or part.simulates:
        return None
    return part.few if part.one is part.few and part.dtype == torch.float32 else None


def chained(model: nn.Module, /) -> nn.Module:
    """A model in which each `Sequential` of rounded layers, ReLU and GELU alone is such a chain.

    GELU of its feed-forward parts and of its modules is compiled, too, where that is quicker.
    """
    made: dict[nn.Module, nn.Module] = {}
    for part in list(model.modules()):
        if isinstance(part, FeedForward) and isinstance(part.up, ROUNDED):
            form = GELUS.get(part.activation)
            part.activation = Quick(part.activation, form) if form else part.activation
        for name, child in list(part._modules.items()):  # also one that was there before
            if child is not None:
                setattr(part, name, made.setdefault(child, _gelu(child)))
    made.clear()
    for part in list(model.modules()):
        for name, child in list(part._modules.items()):
            if child is not None:
                setattr(part, name, made.setdefault(child, _chain(child)))
    return _chain(model)


def _watched(part: nn.Module) -> bool:
    return bool(part._forward_hooks or part._forward_pre_hooks)


def _gelu(part: nn.Module) -> nn.Module:
    if type(part) is not nn.GELU or _watched(part):
        return part
    return CompiledGELU(part.approximate).train(part.training)


def _chain(part: nn.Module) -> nn.Module:
    own = list(part._modules.values())
    rounded = any(isinstance(one, ROUNDED) for one in own)
    plain = type(part) is nn.Sequential and not _watched(part)
    if not plain or not rounded or not all(isinstance(one, PARTS) for one in own):
        return part
    named = {name: one for name, one in part._modules.items() if one is not None}
    made = Chain(OrderedDict(named))
    made.training = part.training
    return made
