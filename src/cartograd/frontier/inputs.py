"""What explanations and attacks share: the gradient of an answer with respect to its input."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.mode import evaluating
from cartograd.core.signed import signature_if_any


@contextmanager
def looking(model: nn.Module, x: Tensor, /) -> Iterator[None]:
    """Evaluation mode with gradients on, whatever the caller's mode; all is as before afterwards.

    Raises:
        UsageError: the inputs are whole numbers (there is no gradient), or none at all, or the
            model takes several.
    """
    signature = signature_if_any(model)
    if signature is not None and len(signature.inputs) > 1:
        names = ", ".join(port.name for port in signature.inputs)
        raise UsageError(
            f"the model takes several inputs ({names}), expected one; wrap it in a module that "
            "holds the others fixed"
        )
    if not x.is_floating_point():
        raise UsageError(
            f"the inputs are {x.dtype}, but only real numbers have a gradient; "
            "give what comes before the model's embedding as floats, or another method"
        )
    if not len(x):
        raise UsageError("there are no examples; give at least one")
    with evaluating(model), torch.inference_mode(False), torch.enable_grad():
        yield


def answers(model: nn.Module, x: Float[Tensor, "b ..."], /) -> Float[Tensor, "b k"]:
    """The model's outputs as a table, one row per example.

    Raises:
        UsageError: the outputs are not one row of numbers per example.
    """
    outputs = model(x)
    if outputs.ndim == 1:
        outputs = outputs[:, None]
    if outputs.ndim != 2 or len(outputs) != len(x):
        raise UsageError(
            f"the model answers {len(x)} examples with {tuple(outputs.shape)}; "
            "expected a row of numbers for each"
        )
    return outputs


def chosen(
    outputs: Float[Tensor, "b k"], target: Int[Tensor, " b"] | int, /
) -> Float[Tensor, " b"]:
    """Each example's own output, by number."""
    if isinstance(target, int):
        return outputs[:, target]
    return outputs.gather(1, target[:, None])[:, 0]


def check_classes(target: Tensor, outputs: Float[Tensor, "b k"], /, *, what: str) -> None:
    """Refuse numbers that are not one class for each row of the outputs.

    Raises:
        UsageError: wrong shape or type, or a class that the model does not have.
    """
    examples, classes = outputs.shape
    if target.shape != (examples,) or target.is_floating_point():
        raise UsageError(
            f"{what} is {target.dtype} of shape {tuple(target.shape)}; expected a whole number "
            f"for each of the {examples} examples"
        )
    if target.min() < 0 or target.max() >= classes:
        raise UsageError(
            f"{what} reaches from {int(target.min())} to {int(target.max())}, but the model has "
            f"{classes} outputs; expected 0 to {classes - 1}"
        )


def rows_at_once(x: Float[Tensor, "b ..."], /) -> int:
    """How many rows to send through the model at a time.

    On a processor as many as still leave a small network's activations in its cache (measured:
    twice as fast as thousands of rows), on an accelerator as many as keep it busy.
    """
    numbers = 2**16 if x.device.type == "cpu" else 2**22
    return max(8, min(1024, numbers // max(1, x[0].numel())))
