"""Largest batch that fits: double until it does not, then halve the gap.

Memory of a training step is what the batch does not change (weights, gradients, optimizer) plus
what grows with it: the tensors that the forward pass keeps for the backward pass. On a GPU the step
is tried and an out-of-memory error is the answer. A CPU gives no such error (the system kills the
process), so there the bytes of the saved tensors are counted and compared with a budget.

    memory(b) = weights + gradients + optimizer + batch(b) + kept(b),    largest b: memory(b) <= M

Shapes: a batch's tensors have the examples along dimension 0; larger batches repeat them.

Departures: the doubling and halving is common practice, and the counting uses autograd's hooks for
saved tensors. A counted pass stops as soon as it is over the budget, so it never takes much more.
What a layer needs for a moment and gives back is not counted; leave some of the memory free.

References:
    Adam Paszke and others. PyTorch: an imperative style, high-performance deep learning library.
    NeurIPS 2019. https://arxiv.org/abs/1912.01703

>>> bisected(lambda size: size <= 37, most=1000)
37
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Objective
from cartograd.engine.files.tensor_files import same_device
from cartograd.engine.inputs.stream import examples
from cartograd.training.diagnosis.twin import device_of, gradients, optimizers_of, twin

CARD = Card(
    name="largest-batch",
    kind="diagnostic",
    entry="largest_batch",
    nodes=("train/batch-size",),
    title="Largest batch that fits",
    zh="可容纳的最大批量",
    paper="PyTorch: an imperative style, high-performance deep learning library",
    year=2019,
    url="https://arxiv.org/abs/1912.01703",
    proofs=(
        "law: of a network whose kept tensors are known, the bytes and the largest batch are those "
        "of the formula, to the byte",
        "law: on a device that refuses above a size, exactly that size is found",
    ),
    evidence={
        "train/batch-size": (
            "test_a_device_that_refuses_above_a_size",
            "test_bytes_and_size_are_those_of_the_formula",
        ),
    },
    tiny={"memory": 0.001, "most": 64},
)


@dataclass(frozen=True)
class LargestBatch:
    """What fits.

    Attributes:
        size: the largest batch; 0 if not even one example fits.
        fixed: bytes that do not depend on the batch: weights, gradients, optimizer.
        per_example: bytes that one more example takes, at the largest sizes tried.
        budget: bytes that there were.
        capped: whether `most` fits too, so that more may.
    """

    size: int
    fixed: int
    per_example: float
    budget: int
    capped: bool


def largest_batch(
    objective: Objective,
    batch: Batch,
    /,
    *,
    memory: float,
    most: int = 65536,
    optimizers: str = "adamw",
    seed: int = 0,
) -> LargestBatch:
    """Find the largest batch of a training step; objective and random state are unchanged.

    Args:
        objective: what is trained; its device (CPU or GPU) says how it is tried.
        batch: some examples; larger batches repeat them.
        memory: GiB that a step may take (on a GPU: at most what it has).
        most: the largest size to try.
        optimizers: spec of the optimizer, for the size of its state.
        seed: of dropout's random numbers.

    Raises:
        UsageError: the batch has no examples, or the memory is not above 0.
    """
    if not memory > 0:
        raise UsageError(f"memory={memory:g} leaves no room for a batch; expected GiB above 0")
    if not examples(batch):
        raise UsageError("the batch has no examples to repeat")
    budget = int(memory * 2**30)
    needed: dict[int, int] = {}
    with twin(objective, seed=seed) as made:
        device = device_of(made)
        fixed = _fixed(made, same_device(batch, device), optimizers)

        def fits(size: int) -> bool:
            try:
                needed[size] = kept(
                    made, same_device(repeated(batch, size), device), budget - fixed
                )
            except (_OverError, torch.OutOfMemoryError):
                return False
            except ValueError:
                if size > 1:
                    raise
                return True  # batch normalisation has no statistics of a single example
            return True

        size = bisected(fits, most=most) if fixed < budget else 0
    sizes = sorted(needed)[-2:]
    grown = 0.0
    if len(sizes) == 2:
        grown = (needed[sizes[1]] - needed[sizes[0]]) / (sizes[1] - sizes[0])
    return LargestBatch(size, fixed, grown, budget, size == most)


def bisected(fits: Callable[[int], bool], /, *, most: int) -> int:
    """The largest size up to `most` that fits, if all smaller ones do; 0 if none does."""
    low, high = 0, 1
    while fits(high):
        if high == most:
            return most
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def kept(objective: Objective, batch: Batch, limit: float = math.inf, /) -> int:
    """Bytes of a batch and of what its forward pass keeps; on a GPU the backward pass runs too.

    Tensors that share their memory count once, the objective's own not at all. Of several losses
    the one that needs most counts.

    Raises:
        _OverError: the bytes exceed the limit; the pass is ended there.
    """
    own = {_storage(tensor) for tensor in _tensors(objective)}
    given = {_storage(item): _bytes(item) for item in batch if isinstance(item, Tensor)}
    saved = dict(given)

    def keep(tensor: Tensor) -> Tensor:
        if _storage(tensor) not in own:
            saved[_storage(tensor)] = _bytes(tensor)
            if sum(saved.values()) > limit:
                raise _OverError
        return tensor

    if sum(saved.values()) > limit:
        raise _OverError
    most = 0
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        for loss in objective.losses(batch):
            most = max(most, sum(saved.values()))
            if device_of(objective).type == "cuda":
                loss.value.mean().backward()
            saved = dict(given)
    return most


def repeated(batch: Batch, size: int, /) -> Batch:
    """A batch of another size, of the same examples again and again."""
    count = examples(batch)
    rows = torch.arange(size) % count
    return tuple(
        item[rows.to(item.device)] if isinstance(item, Tensor) and item.ndim else item
        for item in batch
    )


class _OverError(RuntimeError):
    """The budget is exceeded."""


def _fixed(objective: Objective, batch: Batch, spec: str) -> int:
    """Bytes of weights, buffers, gradients and of what the optimizers keep after a step."""
    players = optimizers_of(objective, spec)
    total = sum(_bytes(tensor) for tensor in _tensors(objective))
    for name, _ in gradients(objective, batch):
        grads = [p.grad for p in objective.players[name].parameters() if p.grad is not None]
        total += sum(_bytes(grad) for grad in grads)
        players[name].step()
        objective.players[name].zero_grad(set_to_none=True)
    for player in players.values():
        states = (item for state in player.state.values() for item in state.values())
        total += sum(_bytes(item) for item in states if isinstance(item, Tensor))
    return total


def _tensors(objective: Objective) -> list[Tensor]:
    modules = [objective, *objective.players.values()]
    tensors = [
        tensor
        for module in modules
        if isinstance(module, nn.Module)
        for tensor in (*module.parameters(), *module.buffers())
    ]
    return list({_storage(tensor): tensor for tensor in tensors}.values())


def _bytes(tensor: Tensor) -> int:
    """A key of the tensor's storage, which views share."""
    return tensor.untyped_storage().nbytes()


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata
