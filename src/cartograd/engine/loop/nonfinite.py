"""Numbers that are not finite: find the module and the batch where they begin.

One infinity or NaN in a loss or gradient makes every weight NaN at the next step, long after its
cause. It is therefore detected before the step is taken, while the weights are still good, and the
batch is run once more with hooks. In a run: `nonfinite=stop`, `skip` (that batch) or
`rollback` (to the last checkpoint, without that batch and with half the learning rate for a while).

    step only if |loss| < inf and |g| < inf;  first: the earliest output, then the latest gradient,
    that is not finite while what it was made of is

Shapes: any.

Departures: none; a norm that overflows although each number is finite counts as not finite.

References:
    Aakanksha Chowdhery et al. PaLM: scaling language modeling with pathways, section 5.1 (going
    back and leaving batches out). JMLR 24, 2023. https://arxiv.org/abs/2204.02311

>>> class Root(nn.Module):
...     def forward(self, x):
...         return x.sqrt()
>>> net = nn.Sequential(nn.Identity(), Root())
>>> bad = torch.tensor([[1.0], [-1.0]], requires_grad=True)
>>> first_bad({"model": net}, lambda: [net(bad)[:, 0]], (bad,))
"the output of 'model.1' (Root), example 2"
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from cartograd.core.card import Card

CARD = Card(
    name="nonfinite",
    kind="technique",
    entry="first_bad",
    nodes=("challenge/instability",),
    title="Finding and surviving numbers that are not finite",
    zh="非有限数值的定位与恢复",
    paper="PaLM: scaling language modeling with pathways",
    year=2023,
    url="https://arxiv.org/abs/2204.02311",
    proofs=(
        "law: the first bad module is named for every place that can be bad: data, weight, output, "
        "loss, gradient",
        "law: a skipped batch leaves weights, moments and running statistics as they were, to the "
        "bit, and a run that rolled back is that without the batch",
    ),
    evidence={
        "challenge/instability": (
            "test_the_first_bad_module_and_the_batch_are_named",
            "test_going_back_is_the_run_without_the_batch_at_half_the_rate",
        ),
    },
)


def first_bad(
    modules: Mapping[str, nn.Module],
    losses: Callable[[], Iterable[Tensor]],
    batch: Iterable[Tensor],
    /,
) -> str | None:
    """Where the first number is that is not finite, in words; None if all are finite.

    Args:
        modules: whose parts are watched, by name.
        losses: makes the losses once more, one number per example or one in all.
        batch: the tensors that it makes them of.
    """
    inputs = list(batch)
    for number, tensor in enumerate(inputs, start=1):
        if not _finite(tensor):
            return f"the batch's tensor {number} itself{_rows(tensor, inputs)}"
    for name, module in modules.items():
        for part, weight in module.named_parameters(prefix=name):
            if not _finite(weight):
                return f"the weight {part!r} before this batch"
    with _watched(modules) as seen:
        for loss in losses():
            bad = next((call for call in seen if call.rows is not None), None)
            if bad is not None:
                return f"the output of {bad.name}{bad.rows}"
            if not _finite(loss):
                return f"the loss itself{_rows(loss, inputs)}"
            found = _bad_gradient(loss, seen, modules)
            if found is not None:
                return found
            seen.clear()
    return None


@dataclass
class _Call:
    """One call of a module: its name, the edge of its output, and where that is not finite."""

    name: str
    edge: GradientEdge | None
    rows: str | None


@contextmanager
def _watched(modules: Mapping[str, nn.Module]) -> Iterator[list[_Call]]:
    """Records the calls of all modules without children."""
    seen: list[_Call] = []

    def hook(name: str) -> Callable[..., None]:
        def note(module: nn.Module, given: Any, output: Any) -> None:
            if not isinstance(output, Tensor):
                return
            edge = get_gradient_edge(output) if output.requires_grad else None
            rows = None if _finite(output) else _rows(output, given)
            seen.append(_Call(f"{name!r} ({type(module).__name__})", edge, rows))

        return note

    handles = [
        part.register_forward_hook(hook(name))
        for prefix, module in modules.items()
        for name, part in module.named_modules(prefix=prefix)
        if next(part.children(), None) is None
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _bad_gradient(loss: Tensor, seen: list[_Call], modules: Mapping[str, nn.Module]) -> str | None:
    """Where the gradient of a finite loss breaks: it is followed from the loss backwards."""
    named = [
        (part, weight)
        for prefix, module in modules.items()
        for part, weight in module.named_parameters(prefix=prefix)
        if weight.requires_grad
    ]
    calls = [(call, call.edge) for call in seen if call.edge is not None]
    ends = [*(edge for _, edge in calls), *(weight for _, weight in named)]
    share = torch.full_like(loss, 1 / max(loss.numel(), 1))
    found = torch.autograd.grad(loss, ends, share, retain_graph=True, allow_unused=True)
    bad = [gradient is not None and not _finite(gradient) for gradient in found]
    for place in reversed(range(len(calls))):
        if bad[place]:
            after = next((c.name for (c, _), g in zip(calls[place + 1 :], found[place + 1 :],
                          strict=False) if g is not None), "the loss")  # fmt: skip
            return f"the gradient that comes back through {after}"
    for (part, _), broken in zip(named, bad[len(calls) :], strict=True):
        if broken:
            return f"the gradient of the weight {part!r}"
    return None


def _finite(tensor: Tensor) -> bool:
    return (
        not tensor.is_floating_point() or math.isfinite(float(tensor.detach().abs().max()))
        if (tensor.numel())
        else True
    )


def _rows(tensor: Tensor, beside: Iterable[Any]) -> str:
    """Which examples of the batch are not finite, where the tensor has one row for each."""
    first = next((item for item in beside if isinstance(item, Tensor) and item.ndim), None)
    if first is None or not tensor.ndim or len(first) != len(tensor):
        return ""
    rows = (~tensor.detach().isfinite()).flatten(1 if tensor.ndim > 1 else 0)
    rows = (rows.any(1) if tensor.ndim > 1 else rows).nonzero().flatten().tolist()
    told = ", ".join(str(row + 1) for row in rows[:8]) + (", ..." if len(rows) > 8 else "")
    return f", example{'s' if len(rows) > 1 else ''} {told}"
