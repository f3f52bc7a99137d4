"""What a frozen part of a network says of an example, computed once for all epochs and trainings.

A part that keeps its weights and stays in evaluation mode says the same of the same example each
time. Most of the work of a new last layer on published weights is that part's; remembered, it is
done in the first epoch alone, and a search tries the same weights again with other seeds for
nothing.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import torch
from blake3 import blake3
from torch import Tensor, nn

from cartograd.core.signed import Signed

MOST = 2**28
"""Numbers that are remembered at most."""

Kept = dict[bytes, Tensor]
"""What was said, by a digest of the example."""


@runtime_checkable
class Padded(Protocol):
    """A network of texts that are filled up to one length."""

    padding_id: int | None


def largest_frozen(model: nn.Module, /) -> str:
    """The name of the part without a weight to learn that has most weights; empty if there is none.

    >>> net = nn.Sequential(nn.Linear(9, 9).requires_grad_(False).eval(), nn.Linear(9, 2))
    >>> largest_frozen(net), largest_frozen(nn.Linear(2, 2))
    ('0', '')
    """
    counts = {
        name: sum(weight.numel() for weight in part.parameters())
        for name, part in model.named_modules()
        if name and _is_frozen(part)
    }
    return max(counts, key=lambda name: counts[name], default="") if any(counts.values()) else ""


def _is_frozen(part: nn.Module) -> bool:
    still = not any(module.training for module in part.modules())
    return still and not any(weight.requires_grad for weight in part.parameters())


def only_learning(model: nn.Module, /) -> nn.Linear | None:
    """The one linear layer that learns, where all else is still; None where there is more.

    >>> net = nn.Sequential(nn.Linear(9, 9).requires_grad_(False).eval(), nn.Linear(9, 2))
    >>> only_learning(net) is net[1], only_learning(nn.Sequential(net, nn.Dropout()))
    (True, None)
    """
    parts = list(model.modules())
    learn = [one for one in parts if any(w.requires_grad for w in one.parameters(recurse=False))]
    moved = [one for one in parts if one.training and not any(one.children())]
    still = any(not weight.requires_grad for weight in model.parameters())
    head = learn[0] if still and len(learn) == 1 else None
    return head if isinstance(head, nn.Linear) and all(one is head for one in moved) else None


def remembers(model: nn.Module, /) -> bool:
    """Whether a network has a part whose answers are remembered."""
    return bool(largest_frozen(model))


@contextmanager
def remembered(model: nn.Module, kept: Kept, /, *, headed: bool | None = None) -> Iterator[None]:
    """Within it the frozen part of a network computes what it says of an example once.

    Args:
        model: a network; one without a frozen part, or with one of several inputs, is as it was.
        kept: what the same weights have said before; what is new is added.
        headed: whether all but one layer is remembered, of a network that learns no more; found by
            itself in training mode.
    """
    inner = model.model if isinstance(model, Signed) else model
    head, name = only_learning(inner), largest_frozen(model)
    head = None if headed is False else head
    if head is not None:
        with _patched(inner, lambda own, x: _headed(own, head, x, kept, inner)):
            yield
    elif name:
        with _patched(model.get_submodule(name), lambda own, x: _said(own, x, kept)):
            yield
    else:
        yield


@contextmanager
def _patched(part: nn.Module, says: Callable[[Any, Tensor], Tensor]) -> Iterator[None]:
    """Within it a part says of a single input what another function makes of it."""
    own, before = part.forward, vars(part).get("forward")

    def forward(*given: Any, **more: Any) -> Any:
        single = len(given) == 1 and not more and isinstance(given[0], Tensor)
        alone = single and len(given[0]) == 1  # whose time may be measured
        if not single or alone or given[0].requires_grad or given[0].device.type != "cpu":
            return own(*given, **more)
        return says(own, given[0])

    part.forward = forward
    try:
        yield
    finally:
        del part.forward
        if before is not None:
            part.forward = before


def _headed(own: Any, head: nn.Linear, x: Tensor, kept: Kept, model: nn.Module) -> Any:
    """What a network says whose last layer alone learns: that layer of what comes into it."""
    seen: list[Tensor] = []

    def before(x: Tensor) -> Tensor:
        with head.register_forward_pre_hook(lambda _, given: seen.append(given[0])):
            said = own(x)
        whole = len(seen) == 1 and said.shape == (len(x), head.out_features)
        return seen.pop() if whole else said.new_empty(0)

    padding = model.padding_id if isinstance(model, Padded) else None
    found = _said(before, x, kept, padding=padding)
    return head(found) if len(found) == len(x) else own(x)


def _said(own: Any, x: Tensor, kept: Kept, *, padding: int | None = None) -> Any:
    """What the part says of examples, of those that it has not seen computed now."""
    rows = _digests(x, padding)
    new = {row: place for place, row in enumerate(rows) if row not in kept}
    if new:
        with torch.no_grad():
            made = own(x[list(new.values())])
        if not isinstance(made, Tensor) or made.shape[0] != len(new):
            return own(x)
        size = math.prod(made.shape[1:])
        if (len(kept) + len(new)) * size > MOST:
            return own(x)
        kept.update(zip(new, made.unbind(0), strict=True))
    return torch.stack([kept[row] for row in rows])


def _digests(x: Tensor, padding: int | None) -> list[bytes]:
    """A word for each example, of tokens without what fills it up, and for the format."""
    halved = torch.is_autocast_enabled("cpu")  # whose answers are rounded otherwise
    key = str(torch.get_autocast_dtype("cpu")).encode() if halved else b""
    if padding is not None and x.ndim == 2:
        ends = [int(row.nonzero().max()) + 1 if row.any() else 0 for row in x != padding]
        parts = [row[:end].numpy() for row, end in zip(x, ends, strict=True)]
    else:
        parts = list(x.contiguous().reshape(len(x), -1).view(torch.uint8).numpy())
    return [blake3(key + part.tobytes()).digest() for part in parts]
