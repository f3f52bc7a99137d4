"""What explanations and attacks share: the gradient of an output with respect to its input."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.learning import check_learns, plain
from cartograd.core.memory import available
from cartograd.core.signed import signature_if_any
from cartograd.engine.device.allocator import keep_freed_memory

_ROWS: ContextVar[Callable[[int], int]] = ContextVar("rows", default=lambda fast: fast)
"""From how many rows at a time are fast to how many are sent."""


@contextmanager
def looking(model: nn.Module, x: Tensor, /) -> Iterator[None]:
    """Evaluation mode with gradients on, whatever the caller's mode; all is as before afterwards.

    Raises:
        UsageError: the inputs are whole numbers (there is no gradient), or none at all, or the
            model takes several, or its weights were made in `torch.inference_mode`.
    """
    check_takes(model, x)
    if not x.is_floating_point():
        raise UsageError(
            f"the inputs are {x.dtype}, and only real numbers have a gradient; take a method for "
            "tokens (of explainers integrated_gradients or occlusion), or in Python give the part "
            "of the model behind its embedding what it takes"
        )
    check_learns(model)
    with with_gradients(model):
        yield


@contextmanager
def with_gradients(model: nn.Module, /) -> Iterator[None]:
    """The same for inputs of any kind, of which the gradient is not asked.

    From then on a process on the CPU keeps the memory that it frees, as in training (see
    `allocator`): integrated gradients of LeNet-5 take 0.7 of the time.
    """
    weight = next(model.parameters(), None)
    if weight is None or weight.device.type == "cpu":
        keep_freed_memory()
    with evaluating(model), torch.inference_mode(False), torch.enable_grad():
        yield


def check_takes(model: nn.Module, x: Tensor, /) -> None:
    """Refuse models of several inputs, and no examples.

    Raises:
        UsageError: which.
    """
    check_one_input(model)
    if not len(x):
        raise UsageError("there are no examples; give at least one")


def check_one_input(model: nn.Module, /) -> None:
    """Refuse models of several inputs, and of numbers that are names.

    Raises:
        UsageError: which inputs there are.
    """
    signature = signature_if_any(model)
    if signature is not None and len(signature.inputs) > 1:
        names = ", ".join(port.name for port in signature.inputs)
        raise UsageError(
            f"the model takes several inputs ({names}), expected one; wrap it in a module that "
            "holds the others fixed"
        )
    numbered = signature is not None and [c.name for c in signature.input.columns if c.numbered]
    if numbered:
        raise UsageError(
            f"the model looks up a row of weights by {' and '.join(numbered)}: such numbers are "
            "names, with no slope to follow and nothing between them"
        )


def of_steps(model: nn.Module, x: Tensor, /) -> bool:
    """Whether the inputs are series, `b t f`: moments one after the other, of some numbers each."""
    signature = signature_if_any(model)
    return x.ndim == 3 and signature is not None and signature.input.kind == "vector"


def answers(model: nn.Module, x: Shaped[Tensor, "b ..."], /) -> Float[Tensor, "b k"]:
    """The model's outputs as a table, one row per example.

    The model is given a copy: its first operation may change what it gets in place.

    Raises:
        UsageError: the outputs are not one row of numbers per example.
    """
    outputs = model(x.clone())
    if outputs.ndim == 1:
        outputs = outputs[:, None]
    if outputs.ndim != 2 or len(outputs) != len(x):
        raise UsageError(
            f"the model answers {len(x)} examples with {tuple(outputs.shape)}; "
            "expected a row of numbers for each"
        )
    return outputs


def slope(found: Float[Tensor, ""], at: Float[Tensor, "..."], /) -> Float[Tensor, "..."]:
    """The gradient of a number with respect to what the model was given.

    Raises:
        UsageError: none reaches it: the model is a tree, compares or rounds.
    """
    gradient = None
    if found.requires_grad:
        (gradient,) = torch.autograd.grad(found, at, allow_unused=True)
    if gradient is None:
        raise UsageError(
            "no gradient of the answers reaches the inputs, as of trees and of models that "
            "compare; take a method that only asks: occlusion, lime or kernel-shap (of trees "
            "tree-shap, too) explain, square and hop-skip-jump attack"
        )
    return gradient


def chosen(
    outputs: Float[Tensor, "b k"], target: Int[Tensor, " b"] | int, /
) -> Float[Tensor, " b"]:
    """Each example's own output, by number."""
    if isinstance(target, int):
        return outputs[:, target]
    return outputs.gather(1, plain(target)[:, None])[:, 0]


def check_classes(target: Int[Tensor, " b1"], outputs: Float[Tensor, "b2 k"], /) -> None:
    """Refuse classes that the model does not have.

    Raises:
        UsageError: a class below 0, or above the last.
    """
    low, high = (int(number) for number in target.aminmax())
    if low < 0 or high >= outputs.shape[1]:
        raise UsageError(
            f"the classes asked for reach from {low} to {high}, but the model has "
            f"{outputs.shape[1]} outputs; expected 0 to {outputs.shape[1] - 1}"
        )


def check_each(target: Tensor, x: Shaped[Tensor, "b ..."], /) -> None:
    """Refuse what is not one class for each example.

    Raises:
        UsageError: wrong shape, or no whole numbers.
    """
    if target.shape != x.shape[:1] or target.is_floating_point():
        raise UsageError(
            f"the classes are {target.dtype} of shape {tuple(target.shape)}; expected a whole "
            f"number for each of the {len(x)} examples"
        )


def rows_at_once(x: Shaped[Tensor, "b ..."], /) -> int:
    """How many rows to send through the model at a time.

    On a processor 256, where the activations of a small network still fit its cache (measured: a
    third faster than a thousand), on an accelerator as many as keep it busy; fewer of large inputs.
    Within `at_most` no more than that says.
    """
    numbers, most = (2**20, 256) if x.device.type == "cpu" else (2**23, 2048)
    return _ROWS.get()(max(8, min(most, numbers // max(1, x.shape[1:].numel()))))


@contextmanager
def at_most(
    rows: int | Literal["auto"], model: nn.Module, x: Shaped[Tensor, "b ..."], /
) -> Iterator[None]:
    """Within the block so many rows go through the model at a time, or as many as fit into memory.

    Args:
        rows: `auto` is as many as are fast, and fewer where what a gradient needs of so many would
            take more than half of the memory that is free.
        model: is asked what one example takes.
        x: examples.

    Raises:
        UsageError: less than one row.
    """
    if rows != "auto" and rows < 1:
        raise UsageError(f"max_batch={rows} is out of range; expected at least 1, or auto")
    fit = max(1, _free(x.device) // 2 // max(1, _taken(model, x[:1]))) if rows == "auto" else rows
    token = _ROWS.set((lambda fast: min(fast, fit)) if rows == "auto" else lambda _: fit)
    try:
        yield
    finally:
        _ROWS.reset(token)


def _taken(model: nn.Module, x: Tensor) -> int:
    """Bytes of one example and of all that operations make of it, twice: a gradient of each."""
    made = _Made()
    if not len(x):  # which is refused elsewhere
        return 1
    with evaluating(model), torch.no_grad(), made:
        model(x.clone())
    return 2 * (made.bytes + x.nbytes)


def _free(device: torch.device) -> int:
    """Bytes that can still be had; as good as none needed where that is not known."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return available() or 2**62


class _Made(TorchDispatchMode):
    """Counts the bytes of what operations give."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:  # called by torch for each operation
        found = func(*args, **(kwargs or {}))
        held = _places((args, kwargs))
        self.bytes += sum(size for place, size in _places(found).items() if place not in held)
        return found


def _places(given: Any) -> dict[int, int]:
    """Where tensors' memory is, and their bytes: a view has the place of what it shows."""
    tensors = (one for one in tree_leaves(given) if isinstance(one, Tensor))
    return {one.untyped_storage().data_ptr(): one.nbytes
            for one in tensors if one.layout == torch.strided}  # fmt: skip
