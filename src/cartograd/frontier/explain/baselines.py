"""What explanations are counted from, and which output they explain."""

from typing import Literal

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.errors import UsageError, unknown
from cartograd.core.learning import plain
from cartograd.core.ports import Signature
from cartograd.core.signed import signature_if_any, statistics
from cartograd.frontier.inputs import answers, check_classes, check_each

Baseline = Tensor | float | Literal["low", "mean"]
"""An input (or one for all), a number for all inputs, the port's lower bound, or its mean."""


def targets_of(
    model: nn.Module, x: Shaped[Tensor, "b ..."], target: Tensor | int | None, rows: int, /
) -> Int[Tensor, " b"]:
    """Which output to explain, for each example: what is asked for, or the highest.

    Raises:
        UsageError: the model has no such output.
    """
    given = given_targets(x, target)
    with torch.no_grad():
        if given is None:
            return torch.cat([answers(model, part).argmax(1) for part in x.split(rows)])
        first = answers(model, x[:1])
    check_classes(given, first)
    return given


def given_targets(x: Shaped[Tensor, "b ..."], target: Tensor | int | None, /) -> Tensor | None:
    """The same where it is asked for, before the model has said which outputs it has.

    Raises:
        UsageError: it is not one number for each example.
    """
    if target is None:
        return None
    if isinstance(target, int):
        return torch.full((len(x),), target, device=x.device)
    check_each(target, x)
    return plain(target.to(x.device).long())


def start_of(
    model: nn.Module, x: Float[Tensor, "b ..."], baseline: Baseline, /
) -> Float[Tensor, "b ..."]:
    """The baseline, in the shape of x.

    Raises:
        UsageError: it is a name of none, or does not fit x.
    """
    signature = signature_if_any(model)
    if isinstance(baseline, str):
        if baseline not in ("low", "mean"):
            raise unknown("baseline", baseline, ("low", "mean"))
        if baseline == "mean":
            return _mean(signature).to(x).expand_as(x)
        bounds = signature.input.bounds if signature else None
        baseline = bounds[0] if bounds else 0.0
    start = torch.as_tensor(baseline).detach().to(x)
    try:
        return start.expand_as(x)
    except RuntimeError as error:
        raise UsageError(
            f"the baseline is of shape {tuple(start.shape)}, the inputs of {tuple(x.shape)}; "
            "expected a number, one input, or one for each"
        ) from error


def _mean(signature: Signature | None) -> Tensor:
    if signature is None or not signature.input.mean:
        raise UsageError(
            "baseline='mean' needs a model whose input port has a mean; give baseline='low', a "
            "number or a tensor"
        )
    return statistics(signature.input)[0]
