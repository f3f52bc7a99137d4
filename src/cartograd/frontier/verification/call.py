"""One operation of an exported graph, and what no rule is known of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

BATCH = 2
"""Examples that a graph is exported with; each operation has to treat them alike and apart."""


class Hole:
    """Where in the arguments of an operation a number stands that depends on the input."""


HOLE = Hole()


@dataclass(frozen=True)
class Call:
    """One operation of a graph.

    Attributes:
        op: ATen's operation.
        args: its arguments, with holes for what depends on the input.
        kwargs: those by keyword.
        shapes: of what goes into the holes.
        shape: of the result.
        dtype: of the result, as the model is served.
    """

    op: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    shapes: tuple[tuple[int, ...], ...]
    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32

    def __call__(self, *inputs: Tensor) -> Any:
        """The operation on inputs for the holes."""
        return self.op(*filled(self.args, inputs), **self.kwargs)


class NoRuleError(Exception):
    """This operation is not known, or not in this form."""


def filled(args: Any, inputs: tuple[Tensor, ...], /) -> Any:
    """Arguments with the inputs in their holes."""
    left = iter(inputs)
    return tree_map(lambda one: next(left) if one is HOLE else one, args)


def alike(call: Call) -> tuple[Any, ...]:
    """The arguments with one row of each constant that has a row for each example.

    Raises:
        NoRuleError: these rows differ.
    """

    def one_row(part: Any) -> Any:
        if not isinstance(part, Tensor) or part.ndim < len(call.shape) or len(part) == 1:
            return part
        if not all(torch.equal(part[0], row) for row in part):
            raise NoRuleError
        return part[:1]

    return tree_map(one_row, call.args)


def both(number: Any) -> tuple[int, int]:
    """A size along rows and columns, of one number or two."""
    numbers = list(number) if isinstance(number, list | tuple) else [number]
    return (numbers[0], numbers[-1])
