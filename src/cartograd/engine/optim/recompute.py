"""Activation checkpointing: keep only a block's inputs and run it again in the backward pass.

The backward pass needs what every layer computed on the way forward, and keeping it is most of the
memory of training. If only the inputs of n blocks are kept and each block is run again when its
turn comes, the peak falls from all layers' activations to n inputs and one block's, for one more
forward pass. In a run: `recompute=True`, or the blocks by name.

    peak: sum_i a_i -> sum_i |x_i| + max_i a_i,  a_i: what block i keeps, x_i: its input

Shapes: any; outputs and gradients are the same, also with dropout (the random state is replayed)
and with running statistics (the second run sees those of the first, and its own are dropped).

Departures: the paper chooses blocks by dynamic programming over the graph; here they are the
children of the containers, or about sqrt(n) runs of the layers of a plain sequence.

References:
    Tianqi Chen, Bing Xu, Chiyuan Zhang, Carlos Guestrin. Training deep nets with sublinear memory
    cost. 2016. https://arxiv.org/abs/1604.06174

>>> net = nn.Sequential(*(nn.Linear(2, 2) for _ in range(9)))
>>> blocks_of(net)
['0-2', '3-5', '6-8']
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown

CARD = Card(
    name="recompute",
    kind="technique",
    entry="recompute",
    nodes=("train/checkpointing-activations",),
    title="Activation checkpointing",
    zh="激活检查点（梯度检查点）",
    paper="Training deep nets with sublinear memory cost",
    year=2016,
    url="https://arxiv.org/abs/1604.06174",
    proofs=(
        "law: gradients, running statistics and whole runs are the same, with dropout too, to "
        "1e-12 in float64",
        "law: the peak of live memory falls to the inputs of the blocks and one block's inside",
    ),
    evidence={
        "train/checkpointing-activations": (
            "test_gradients_and_statistics_are_the_same",
            "test_the_peak_of_memory_falls",
            "claim:checkpointing-memory",
        ),
    },
)


@contextmanager
def recompute(
    module: nn.Module, /, *, blocks: tuple[str, ...] | list[str] | bool = True
) -> Iterator[list[str]]:
    """Within the `with`, the blocks of a module keep their inputs only; gives their names.

    Args:
        module: any; it is as before afterwards.
        blocks: names of submodules, as in `named_modules`; True chooses them.

    Raises:
        UsageError: a name is unknown, or nothing in the module can be chosen.
    """
    names = blocks_of(module) if isinstance(blocks, bool) else list(blocks)
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(_wrapped(module, name))
        yield names


def blocks_of(module: nn.Module, /) -> list[str]:
    """The blocks chosen for a module.

    They are the children of its outermost sequences and lists, where those have parts of their own
    (residual blocks, say); a sequence of plain layers is cut into about sqrt(n) runs, `FIRST-LAST`.

    Raises:
        UsageError: there are no such containers.
    """
    chosen = list(_outermost(module, ""))
    if not chosen:
        raise UsageError(
            f"{type(module).__name__} has no sequence of blocks to recompute; name some, as in "
            "recompute=encoder.0,encoder.1"
        )
    return chosen


def _outermost(module: nn.Module, prefix: str) -> Iterator[str]:
    children = list(module.named_children())
    if isinstance(module, nn.Sequential | nn.ModuleList) and len(children) > 1:
        blocks = [name for name, child in children if _has_parts(child)]
        if len(blocks) == 1:  # a body between plain layers: its own blocks, if it has some
            inner = list(_outermost(dict(children)[blocks[0]], f"{prefix}{blocks[0]}."))
            yield from inner or [prefix + blocks[0]]
            return
        if blocks:
            yield from (prefix + name for name in blocks)
            return
        if isinstance(module, nn.Sequential) and len(children) > 3:
            yield from (prefix + name for name in _runs(len(children)))
        return
    for name, child in children:
        yield from _outermost(child, f"{prefix}{name}.")


def _has_parts(module: nn.Module) -> bool:
    return sum(1 for _ in module.modules()) > 2


def _runs(count: int) -> list[str]:
    """About sqrt(count) runs of layers, of nearly equal length."""
    parts = round(math.sqrt(count))
    ends = [round(count * part / parts) for part in range(parts + 1)]
    return [f"{first}-{last - 1}" for first, last in pairwise(ends)]


@contextmanager
def _wrapped(module: nn.Module, name: str) -> Iterator[None]:
    """One block (or run of layers) under a checkpoint."""
    before, _, last = name.rpartition(".")
    first, dash, end = last.partition("-")
    modules = dict(module.named_modules())
    if name in modules and name:
        with _checkpointed(modules[name], [modules[name]]):
            yield
        return
    parent = modules.get(before)
    if not (dash and isinstance(parent, nn.Sequential) and first.isdigit() and end.isdigit()):
        raise unknown("block to recompute", name, [key for key in modules if key])
    layers = list(parent)[int(first) : int(end) + 1]
    forwards = [layer.forward for layer in layers]

    def processes(x: Any) -> Any:
        for forward in forwards:
            x = forward(x)
        return x

    with ExitStack() as stack:
        stack.enter_context(_checkpointed(layers[0], layers, processes))
        for layer in layers[1:]:
            stack.enter_context(_replaced(layer, lambda x: x))
        yield


def _checkpointed(
    module: nn.Module, parts: Sequence[nn.Module], forward: Any = None
) -> AbstractContextManager[None]:
    """A module whose forward keeps its inputs only; `parts` are the modules that run in it."""
    inner = forward or module.forward

    def outer(*args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            return inner(*args, **kwargs)
        return checkpoint(
            inner, *args, use_reentrant=False, context_fn=lambda: _contexts(parts), **kwargs
        )

    return _replaced(module, outer)


@contextmanager
def _replaced(module: nn.Module, forward: Any) -> Iterator[None]:
    module.__dict__["forward"] = forward
    try:
        yield
    finally:
        del module.__dict__["forward"]


def _contexts(
    parts: Sequence[nn.Module],
) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """What the two runs of a block happen in: the second sees the buffers that the first saw.

    The buffers themselves are set aside meanwhile, not written to: autograd may hold them.
    """
    training = any(module.training for part in parts for module in part.modules())
    if not training:
        return nullcontext(), nullcontext()
    owners = [module for part in parts for module in part.modules() if module._buffers]
    seen = [
        {name: value.clone() for name, value in owner._buffers.items() if value is not None}
        for owner in owners
    ]
    return nullcontext(), _with_buffers(owners, seen)


@contextmanager
def _with_buffers(owners: list[nn.Module], seen: list[dict[str, Tensor]]) -> Iterator[None]:
    own = [dict(owner._buffers) for owner in owners]
    for owner, buffers in zip(owners, seen, strict=True):
        owner._buffers.update({name: value.clone() for name, value in buffers.items()})
    try:
        yield
    finally:
        for owner, buffers in zip(owners, own, strict=True):
            owner._buffers.update(buffers)
