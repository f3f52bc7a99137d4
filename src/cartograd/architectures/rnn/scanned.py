"""A loop over the steps of a sequence that an exported graph keeps as a loop.

A Python loop is unrolled when a model is traced: the graph would take sequences of the traced
length alone. There the loop is recorded as one operation (ONNX: `Scan`), for any length.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor

Carry = tuple[Tensor, ...]
"""What a step hands to the next, or reads."""

_lengths = {"any": True}


def exporting() -> bool:
    """Whether a model is being traced for sequences of any length, as into a file."""
    return torch.compiler.is_exporting() and _lengths["any"]


@contextmanager
def of_one_length() -> Iterator[None]:
    """Trace models for sequences of the length that they are shown: no loop is kept as one."""
    before, _lengths["any"] = _lengths["any"], False
    try:
        yield
    finally:
        _lengths["any"] = before


def scanned(
    step: Callable[[Carry, Carry], tuple[Carry, Tensor]], start: Carry, x: Carry, /
) -> tuple[Carry, Float[Tensor, "t ..."]]:
    """The carry after the last step, and what each step gave, one below the other.

    >>> scanned(lambda c, x: ((c[0] + x[0],), c[0]), (torch.zeros(1),), (torch.ones(3, 1),))[1].mT
    tensor([[0., 1., 2.]])

    Args:
        step: from a carry and one step's inputs to the next carry and what the step gives.
        start: the carry before the first step.
        x: the inputs of all steps, one below the other.
    """
    if exporting():
        from torch._higher_order_ops.scan import scan  # it has no public name yet

        def apart(carry: Carry, one: Carry) -> tuple[Carry, Tensor]:
            carry, given = step(carry, one)
            return carry, given.clone()

        # Neither two inputs nor two outputs of the operation may share their memory.
        carry, given = scan(apart, tuple(one.clone() for one in start), x)
        return carry, given
    carry, every = start, []
    for one in zip(*x, strict=True):
        carry, given = step(carry, one)
        every.append(given)
    return carry, torch.stack(every)
