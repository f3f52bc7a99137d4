"""Other rules of differentiation for some operations, wherever a model calls them.

Explainers such as guided backpropagation and DeepLIFT change what an operation passes back. Hooks
on modules reach only operations that are modules, each used once; a mode of torch sees each call:
`nn.ReLU`, one module used twice, `F.relu`, `torch.relu_` and `x.relu()` alike. Nothing is stored on
the model, so nothing is left behind, also after an exception.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

Rule = Callable[..., Any]
"""What is done in the place of an operation, with its arguments; NotImplemented leaves it as it is.
"""

RELUS: tuple[Any, ...] = (F.relu, torch.relu, Tensor.relu)
RELUS_IN_PLACE: tuple[Any, ...] = (F.relu_, torch.relu_, Tensor.relu_)
CLAMPS: tuple[Any, ...] = (torch.clamp, Tensor.clamp, torch.clamp_min, Tensor.clamp_min)
CLAMPS_IN_PLACE: tuple[Any, ...] = (
    torch.clamp_, Tensor.clamp_, torch.clamp_min_, Tensor.clamp_min_
)  # fmt: skip


class Rules(TorchFunctionMode):
    """While this is entered, some operations follow rules of their own.

    Args:
        rules: what takes the place of each operation.

    Attributes:
        met: how often one was called.

    >>> with Rules({torch.tanh: lambda x: 2 * x}) as rules:
    ...     torch.tanh(torch.ones(2)), rules.met
    (tensor([2., 2.]), 1)
    """

    def __init__(self, rules: Mapping[Any, Rule], /):
        super().__init__()
        self.rules, self.met = dict(rules), 0

    def __torch_function__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """The operation, or what takes its place."""
        rule = self.rules.get(func)
        if rule is None:
            return func(*args, **(kwargs or {}))
        found = rule(*args, **(kwargs or {}))
        if found is NotImplemented:
            return func(*args, **(kwargs or {}))
        self.met += 1
        return found


def elementwise(
    operations: Sequence[Any], rule: Callable[[Tensor], Tensor], /, *, in_place: bool = False
) -> dict[Any, Rule]:
    """The same rule for several names of an operation on each number.

    Args:
        operations: functions of a tensor, perhaps with `inplace=`.
        rule: what takes their place.
        in_place: whether they change their argument in any case.

    >>> x = torch.tensor([-1.0, 2.0])
    >>> with Rules(elementwise(RELUS_IN_PLACE, torch.abs, in_place=True)):
    ...     _ = x.relu_()
    >>> x
    tensor([1., 2.])
    """

    def replaced(input: Float[Tensor, "..."], inplace: bool = in_place) -> Float[Tensor, "..."]:
        return input.copy_(rule(input.clone())) if inplace else rule(input)

    return dict.fromkeys(operations, replaced)


def of_relus(rule: Callable[[Tensor], Tensor], /) -> dict[Any, Rule]:
    """A rule for every way to write a ReLU, `clamp(min=0)` among them.

    >>> x = torch.tensor([-1.0, 2.0])
    >>> with Rules(of_relus(torch.abs)) as rules:
    ...     x.clamp(min=0), torch.clamp_min(x, 0), x.clamp(-3, 1), rules.met
    (tensor([1., 2.]), tensor([1., 2.]), tensor([-1.,  1.]), 2)
    """

    def cut(input: Tensor, min: Any = None, max: Any = None) -> Any:
        return rule(input) if _is_zero(min) and max is None else NotImplemented

    def cut_in_place(input: Tensor, min: Any = None, max: Any = None) -> Any:
        changed = _is_zero(min) and max is None
        return input.copy_(rule(input.clone())) if changed else NotImplemented

    relus = elementwise(RELUS, rule) | elementwise(RELUS_IN_PLACE, rule, in_place=True)
    return relus | dict.fromkeys(CLAMPS, cut) | dict.fromkeys(CLAMPS_IN_PLACE, cut_in_place)


def _is_zero(low: Any) -> bool:
    return isinstance(low, int | float) and low == 0
