"""Golden answers: a few inputs and the model's answers to them, compared again at each load."""

import warnings
from pathlib import Path

import torch
from torch import Tensor

from cartograd.core.errors import UsageError, first_line
from cartograd.core.eval_mode import evaluating
from cartograd.core.signed import Signed
from cartograd.engine.files.rebuild import rounding_steps, tolerance
from cartograd.engine.files.tensor_files import read_tensors

GOLDEN = 8
"""How many examples are kept with their answers."""


def answered(model: Signed, inputs: tuple[Tensor, ...], /) -> dict[str, Tensor]:
    """Inputs and the model's answers, as a bundle keeps them.

    A model that answers otherwise each time has none to compare: a warning says so.

    Raises:
        UsageError: an answer is not a number.
    """
    few = tuple(item[:GOLDEN] for item in inputs)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    with evaluating(model), torch.no_grad(), rounding_steps(model) as steps:
        outputs, again = (model(*(item.to(device) for item in few)) for _ in range(2))
    if outputs.isnan().any():
        raise UsageError("the model's answers to the examples are not numbers: nothing was written")
    if _difference(outputs, again) > tolerance(steps) * _scale(outputs):
        name = type(model.model).__name__
        told = f"{name} answers otherwise each time; its bundle is not checked by its answers"
        warnings.warn(told, stacklevel=3)
        return {}
    return {f"input{number}": item for number, item in enumerate(few)} | {"output": outputs}


def check_answers(folder: Path, model: Signed, /) -> None:
    """Compare with the answers at the time of writing, as far as machines may differ.

    Raises:
        UsageError: they differ by more.
    """
    file = folder / "golden.safetensors"
    if not file.exists():
        return
    kept = read_tensors(file)
    try:
        expected = kept.pop("output").float()
        with torch.no_grad(), rounding_steps(model) as steps:
            outputs = model(*(kept[f"input{number}"] for number in range(len(kept)))).float()
    except (LookupError, RuntimeError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{folder}: its examples do not fit its model: {first_line(error)}"
        ) from error
    if outputs.shape != expected.shape:
        worst = f"shape {tuple(outputs.shape)} instead of {tuple(expected.shape)}"
    else:
        difference = _difference(outputs, expected)
        if difference <= tolerance(steps) * _scale(expected):
            return
        worst = f"largest difference {difference:.3g}"
    raise UsageError(
        f"{folder}: the model does not give its recorded answers ({worst}); was it written by "
        "another version of its code?"
    )


def _difference(outputs: Tensor, expected: Tensor) -> float:
    """The largest one; a model may rule a class out by a score of minus infinity, in both."""
    return float((outputs - expected).masked_fill(outputs == expected, 0).abs().max())


def _scale(outputs: Tensor) -> float:
    finite = outputs[outputs.isfinite()].abs()
    return max(1.0, float(finite.max())) if len(finite) else 1.0
