"""What passes into the layers of a model on some examples: ranges, means, histograms."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.protocols import Batches
from cartograd.core.signed import signature_of
from cartograd.practice.compression.folding import Layer
from cartograd.practice.compression.observers import Histogram, counted

Inputs = Sequence[Tensor]


def calibration(model: nn.Module, data: Batches | None, wanted: str, most: int, /) -> list[Inputs]:
    """The first inputs of some data, in batches.

    Args:
        model: with its signature.
        data: batches of examples; their right answers are not looked at.
        wanted: what needs them, for errors.
        most: how many examples.

    Raises:
        UsageError: there are none.
    """
    if data is None:
        raise UsageError(
            f"{wanted} needs examples, to see in which range each layer's inputs are; give data "
            "(--data)"
        )
    ports, found, left = len(signature_of(model).inputs), [], most
    for batch in data.epoch(0, seed=0):
        found.append([one[:left] for one in batch[:ports]])
        left -= len(found[-1][0])
        if left <= 0:
            break
    return found


def histograms(
    model: nn.Module, layers: Mapping[str, nn.Module], batches: Sequence[Inputs], /
) -> dict[str, Histogram]:
    """What the inputs of layers were, in two passes: their range, then how often each was.

    Args:
        model: anybody's; it stays as it is.
        layers: parts of it, by name.
        batches: what it is called with.

    Raises:
        UsageError: an input was no number.
    """
    ends: dict[str, tuple[float, float]] = {}
    counts: dict[str, Tensor] = {}

    def reach(name: str, x: Tensor) -> None:
        low, high = (float(end) for end in x.aminmax())
        if not (abs(low) < torch.inf and abs(high) < torch.inf):
            raise UsageError(f"the layer {name} gets inputs that are not finite on these examples")
        before = ends.get(name, (low, high))
        ends[name] = min(low, before[0]), max(high, before[1])

    def count(name: str, x: Tensor) -> None:
        counts[name] = counts.get(name, 0) + counted(x, *ends[name])

    for note in (reach, count):
        watched(model, layers, batches, note)
    return {name: Histogram(counts[name], *ends[name]) for name in ends}


def watched(
    model: nn.Module, layers: Mapping[str, nn.Module], batches: Sequence[Inputs],
    note: Callable[[str, Tensor], None], /,
) -> None:  # fmt: skip
    """Call a model, and tell of each input of some layers."""
    with _hooked(layers, note), evaluating(model), torch.no_grad():
        for inputs in batches:
            model(*inputs)


@contextmanager
def _hooked(layers: Mapping[str, nn.Module], note: Callable[[str, Tensor], None]) -> Iterator[None]:
    def told(name: str) -> Callable[[nn.Module, Any], None]:
        return lambda _, args: note(name, args[0].detach())

    hooks = [layer.register_forward_pre_hook(told(name)) for name, layer in layers.items()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def means(
    model: nn.Module, layers: Mapping[str, Layer], batches: Sequence[Inputs], /
) -> dict[str, Float[Tensor, " d"]]:
    """The mean of each input channel of layers: of features that come last, or channels second."""
    sums: dict[str, Tensor] = {}
    seen: dict[str, int] = {}

    def add(name: str, x: Tensor) -> None:
        dim = -1 if isinstance(layers[name], nn.Linear) else -(layers[name].weight.ndim - 1)
        each = x.movedim(dim, 0).flatten(1).double()
        sums[name] = sums.get(name, 0) + each.sum(1)
        seen[name] = seen.get(name, 0) + each.shape[1]

    watched(model, layers, batches, add)
    return {name: total / seen[name] for name, total in sums.items()}


def first(batches: Sequence[Inputs], /) -> Inputs:
    """One example, to see which layer's answer goes where."""
    one = next(chain(batches), None)
    assert one is not None
    return [x[:2] for x in one]
