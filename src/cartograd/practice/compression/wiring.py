"""Which layer's answer goes where: the calls of layers and functions of one pass, as a graph.

It is seen while the model runs, so it holds for anybody's module, in a fraction of the time in
which `torch.export` writes its graph (`dependencies`); but only what torch's layers and functions
do with whole tensors is told apart.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from cartograd.core.eval_mode import evaluating

ASKED = ("__get__", "size", "dim", "stride", "numel", "is_floating_point", "is_contiguous")
"""Functions that look at a tensor's form, not at its numbers."""


@dataclass(eq=False)
class Call:
    """One call of a layer of torch, or of a function.

    Attributes:
        name: the layer's path in the model, or the function's name.
        layer: None of a function.
        ndim: dimensions of the answer.
        readers: calls that take the answer, each as often as it does.
    """

    name: str
    layer: nn.Module | None
    ndim: int = 0
    readers: list["Call"] = field(default_factory=list)


def wired(model: nn.Module, inputs: Sequence[Tensor], /) -> list[Call]:
    """All calls of one pass through a model, in order.

    Args:
        model: anybody's; it stays as it is.
        inputs: what it is called with.
    """
    seen = _Seen()
    with ExitStack() as stack:
        for path, layer in model.named_modules():
            if type(layer).__module__.startswith("torch.nn.modules") and not list(layer.children()):
                before, after = seen.hooks(path, layer)
                first = layer.register_forward_pre_hook(before, with_kwargs=True)
                last = layer.register_forward_hook(after)
                stack.callback(first.remove)
                stack.callback(last.remove)
        with evaluating(model), torch.no_grad(), seen:
            answer = model(*inputs)
        seen.read(Call("", None), answer)
    return seen.calls


def once(calls: Sequence[Call], /) -> Iterator[Call]:
    """Calls of layers that are called once."""
    counted: dict[int, int] = {}
    for call in calls:
        counted[id(call.layer)] = counted.get(id(call.layer), 0) + 1
    return (call for call in calls if call.layer is not None and counted[id(call.layer)] == 1)


class _Seen(TorchFunctionMode):
    """Notes each call, and which earlier one its tensors come from."""

    def __init__(self):
        super().__init__()
        self.calls: list[Call] = []
        self._made: dict[int, tuple[Tensor, Call]] = {}  # the tensor is kept: an id is used again
        self._inside: list[Call] = []

    def hooks(self, path: str, layer: nn.Module) -> tuple[Callable[..., None], ...]:
        """What is called before and after a layer."""

        def before(_: nn.Module, args: Any, kwargs: Any) -> None:
            self._inside.append(Call(path, layer))
            self.read(self._inside[-1], (args, kwargs))

        def after(_: nn.Module, __: Any, answer: Any) -> None:
            self._give(self._inside.pop(), answer)

        return before, after

    def read(self, call: Call, values: Any) -> None:
        """Note that a call takes values."""
        for value in _tensors(values):
            if id(value) in self._made:
                self._made[id(value)][1].readers.append(call)

    def _give(self, call: Call, answer: Any) -> None:
        self.calls.append(call)
        for value in _tensors(answer):
            call.ndim = value.ndim
            self._made[id(value)] = value, call

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.__name__
        if self._inside or name in ASKED:
            return func(*args, **(kwargs or {}))
        call = Call(name, None)
        self.read(call, (args, kwargs))
        answer = func(*args, **(kwargs or {}))
        self._give(call, answer)
        return answer


def _tensors(values: Any) -> list[Tensor]:
    return [one for one in tree_leaves(values) if isinstance(one, Tensor)]
