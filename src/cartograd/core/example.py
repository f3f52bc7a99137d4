"""An example of what a signature promises: what a model is tried with before any work."""

import torch
from torch import Tensor, nn

from cartograd.core.errors import UsageError, first_line
from cartograd.core.eval_mode import evaluating
from cartograd.core.ports import Port, Signature

FREE = (32, 16, 8, 4)
"""Sizes that stand for a free dimension: the first that a model takes."""

SHORT = (6, 12, 32, 64)
"""The same, the shortest first, where only the way of the numbers through the model counts."""


def example(port: Port, free: int, /) -> Tensor:
    """A batch of two examples: zeros, or the lowest valid value where that is above zero.

    Of whole numbers, such as tokens, the second example is of the highest valid ones: a model has
    to know them all.
    """
    shape = (2, *(dim if isinstance(dim, int) else free for dim in port.dims))
    low = max(0, port.bounds[0]) if port.bounds is not None else 0
    made = torch.full(shape, low, dtype=getattr(torch, port.dtype))
    if port.bounds is not None and not made.is_floating_point():
        made[1] = int(port.bounds[1])
    return made


def tried(
    model: nn.Module, signature: Signature, device: torch.device, /
) -> tuple[tuple[Tensor, ...], Tensor]:
    """An example for each input, as long as the model takes, and the model's answer.

    Raises:
        UsageError: the model takes none.
    """
    refused: UsageError | None = None
    letters = any(isinstance(dim, str) for port in signature.inputs for dim in port.dims)
    with evaluating(model), torch.no_grad():
        for free in FREE if letters else FREE[:1]:
            with torch.inference_mode(False):  # so that they tell whether they were changed
                examples = tuple(example(port, free).to(device) for port in signature.inputs)
            try:
                return examples, model(*examples)
            except UsageError as error:  # longer than its context
                refused = error
    assert refused is not None
    raise refused


def drawn(port: Port, free: int, /) -> Tensor:
    """A batch of two examples of numbers that the port allows, always the same."""
    shape = (2, *(dim if isinstance(dim, int) else free for dim in port.dims))
    draw = torch.Generator().manual_seed(0)
    dtype = getattr(torch, port.dtype)
    known = max(len(port.labels) - 1, 0)
    whole = not dtype.is_floating_point
    low, high = port.bounds if port.bounds is not None else (0, known) if whole else (-1.0, 1.0)
    if not whole:
        return torch.rand(shape, generator=draw, dtype=dtype) * (high - low) + low
    first = int(low) + (port.padding_id == int(low))
    return torch.randint(first, max(first, int(high)) + 1, shape, generator=draw).to(dtype)


def drawn_for(model: nn.Module, signature: Signature, /) -> tuple[Tensor, ...]:
    """Two drawn examples for each input, of the shortest length that the model takes.

    Raises:
        UsageError: it takes none.
    """
    refused: Exception | None = None
    weights = [one for one in model.parameters() if one.is_floating_point()]
    device = weights[0].device if weights else torch.device("cpu")
    dtype = weights[0].dtype if weights else torch.float32
    with evaluating(model), torch.no_grad():
        for free in SHORT:
            made = [drawn(port, free).to(device) for port in signature.inputs]
            examples = tuple(x.to(dtype) if x.is_floating_point() else x for x in made)
            try:
                model(*examples)
            except Exception as error:  # whatever a foreign module raises
                refused = error
            else:
                return examples
    assert refused is not None
    raise UsageError(f"{type(model).__name__} takes no example: {first_line(refused)}") from refused
