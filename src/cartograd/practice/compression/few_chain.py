"""Layers with rounded weights one after another, with ReLU between them, as one call.

Around a compiled product of a few rows (`few_rows`) a layer's own call, the memory of its answer
and ReLU's take a fifth of the time of 1,024 units. So a `torch.nn.Sequential` of nothing else goes
from product to product itself: its inputs are looked at once, memory is used again, and ReLU writes
where it reads. Its parts stay what and where they are. Whatever looks at one of them (a hook, a
trace, a counter), asks for a gradient or computes elsewhere has them called one by one, as ever.

Shapes: inputs `n d`, outputs `n d2`.

>>> import torch
>>> quick = Chain(nn.Linear(4, 3), nn.ReLU())  # nothing is rounded here: as `Sequential`
>>> quick(torch.ones(2, 4)).shape
torch.Size([2, 3])
"""

from collections import OrderedDict

from jaxtyping import Shaped
from torch import Tensor, nn
from torch.nn.modules import module as every

from cartograd.practice.compression import few_rows
from cartograd.practice.compression.few_rows import FewRows
from cartograd.practice.compression.group_linear import GroupLinear
from cartograd.practice.compression.int8_linear import Int8Linear

PARTS = Int8Linear, GroupLinear, nn.ReLU


class Chain(nn.Sequential):
    """A `Sequential` whose rounded layers of a few rows follow each other at once."""

    def forward(self, input: Shaped[Tensor, "..."]) -> Shaped[Tensor, "..."]:
        """What its parts compute, one after another."""
        steps = self._steps()
        if not steps or not few_rows.readable(input, steps[0][0].d):
            return super().forward(input)
        x, spare = input, dict[int, Tensor]()
        for few, rectified in steps:
            y = spare.pop(few.d2, None)
            y = x.new_empty(x.shape[0], few.d2) if y is None else y
            few.into(x, y)
            if rectified:
                y.relu_()
            if x is not input:
                spare[few.d] = x
            x = y
        return x

    def _steps(self) -> list[tuple[FewRows, bool]]:
        """The products, and whether ReLU follows; none where parts are to be called themselves."""
        steps: list[tuple[FewRows, bool]] = []
        if every._global_forward_hooks or every._global_forward_pre_hooks:
            return []
        for part in self._modules.values():
            if part is None or part._forward_hooks or part._forward_pre_hooks:
                return []
            few = _few(part)
            fits = not steps or few is None or steps[-1][0].d2 == few.d
            if few is not None and fits:
                steps.append((few, False))
            elif type(part) is nn.ReLU and steps:
                steps[-1] = steps[-1][0], True
            else:
                return []
        return steps


def _few(part: nn.Module) -> FewRows | None:
    """The product of a layer that computes by it alone."""
    if not isinstance(part, Int8Linear | GroupLinear) or part.simulates:
        return None
    return part.few if part.one is part.few else None


def chained(model: nn.Module, /) -> nn.Module:
    """A model in which each `Sequential` of rounded layers and ReLU alone is such a chain."""
    made: dict[nn.Module, nn.Module] = {}
    for part in list(model.modules()):
        for name, child in list(part._modules.items()):  # also one that was there before
            if child is not None:
                setattr(part, name, made.setdefault(child, _chain(child)))
    return _chain(model)


def _chain(part: nn.Module) -> nn.Module:
    own = list(part._modules.values())
    rounded = any(isinstance(one, Int8Linear | GroupLinear) for one in own)
    watched = part._forward_hooks or part._forward_pre_hooks
    plain = type(part) is nn.Sequential and not watched
    if not plain or not rounded or not all(isinstance(one, PARTS) for one in own):
        return part
    named = {name: one for name, one in part._modules.items() if one is not None}
    made = Chain(OrderedDict(named))
    made.training = part.training
    return made
