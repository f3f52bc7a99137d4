"""What a metric is given, brought to one form: logits and classes, or values, on the CPU.

Here, and nowhere else, it is checked that outputs and targets belong together.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from cartograd.core.errors import UsageError


def classes(outputs: Tensor, targets: Tensor, /) -> tuple[Float[Tensor, "n k"], Int[Tensor, " n"]]:
    """Logits of shape (n, k) and the right classes; a single logit z becomes the two [0, z].

    Raises:
        UsageError: shapes that do not match, no examples, targets that are not classes of the
            outputs, or outputs that are not a number.
    """
    outputs, targets = outputs.detach().cpu(), targets.detach().cpu()
    outputs = outputs[:, None] if outputs.ndim == 1 else outputs
    _match("logits (n, k) and classes (n)", outputs, targets, outputs.ndim == 2, targets.ndim == 1)
    if targets.is_floating_point():
        raise UsageError(
            f"targets are {targets.dtype}, expected whole class numbers; "
            "for measured values take a metric such as rmse"
        )
    if outputs.shape[1] == 1:
        outputs = torch.cat([torch.zeros_like(outputs), outputs], 1)
    low, high = (int(number) for number in targets.aminmax())
    if low < 0 or high >= outputs.shape[1]:
        raise UsageError(
            f"targets reach from {low} to {high}, but the outputs have {outputs.shape[1]} "
            f"classes; expected 0 to {outputs.shape[1] - 1}"
        )
    return outputs, targets.long()


def places(
    outputs: Tensor, targets: Tensor, /
) -> tuple[Float[Tensor, "n t k"], Int[Tensor, "n t"]]:
    """Logits (n, k, ...) and classes (n, ...) of places such as pixels, the places in a row.

    Raises:
        UsageError: shapes that do not match, no examples, targets that are not classes of the
            outputs (below 0 is no label) or all without a label, or outputs that are no numbers.
    """
    outputs, targets = outputs.detach().cpu(), targets.detach().cpu()
    same = outputs.ndim > 1 and outputs.shape[2:] == targets.shape[1:]
    _match("logits (n, k, y, x) and classes (n, y, x) of pixels", outputs, targets, same)
    whole = not targets.is_floating_point()
    high = int(targets.max())
    if not whole or not 0 <= high < outputs.shape[1]:
        raise UsageError(
            f"targets are {targets.dtype} up to {high}; expected the number of a class, 0 to "
            f"{outputs.shape[1] - 1}, for at least one pixel, and below 0 where there is none"
        )
    n, k = outputs.shape[:2]
    return outputs.reshape(n, k, -1).mT, targets.long().reshape(n, -1)


def several(outputs: Tensor, targets: Tensor, /) -> bool:
    """Whether targets say of each class whether it holds, so that an example may have several."""
    return targets.ndim == 2 and targets.shape == outputs.shape


def labels(outputs: Tensor, targets: Tensor, /) -> tuple[Bool[Tensor, "n k"], Bool[Tensor, "n k"]]:
    """Which classes are answered (probability at least a half), and which hold.

    Raises:
        UsageError: no examples, targets other than 0 and 1, or outputs that are not a number.
    """
    outputs, targets = outputs.detach().cpu(), targets.detach().cpu()
    _match("logits and labels (n, k)", outputs, targets, several(outputs, targets))
    strange = targets[(targets != 0) & (targets != 1)]
    if len(strange):
        raise UsageError(
            f"a target is {strange[0].item():g}, expected 0 or 1 for each class; "
            "for measured values take a metric such as rmse"
        )
    return outputs >= 0, targets == 1


def values(
    outputs: Tensor, targets: Tensor, /
) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n k"]]:
    """Outputs and targets of shape (n, k) in float64; a trailing 1 may be missing.

    Of forecasts the middles and the values, a number for each step.

    Raises:
        UsageError: shapes that do not match, no examples, or outputs that are not a number.
    """
    outputs, targets = (given.detach().cpu().double() for given in (outputs, targets))
    if outputs.ndim == 3 == targets.ndim:
        outputs, (targets, *_) = forecasts(outputs, targets)
        outputs = outputs[:, :, 1]
    outputs, targets = (g[:, None] if g.ndim == 1 else g for g in (outputs, targets))
    same = outputs.shape[1:] == targets.shape[1:]
    wanted = "values of one shape (n, k)"
    if targets.shape[1:] == (1,) and not same:
        wanted += "; of classes take a metric such as accuracy"
    _match(wanted, outputs, targets, outputs.ndim == 2, same)
    return outputs, targets


def forecasts(
    outputs: Tensor, targets: Tensor, /
) -> tuple[Float[Tensor, "n t 3"], tuple[Float[Tensor, "n t"], ...]]:
    """Ends and middle of each step; and the values, those of a season before, the units of errors.

    Raises:
        UsageError: shapes that do not match, no examples, or outputs that are not a number.
    """
    outputs, targets = (given.detach().cpu().double() for given in (outputs, targets))
    three = outputs.ndim == 3 and outputs.shape[2] == 3
    same = outputs.shape[1:] == targets.shape[1:]
    _match("forecasts and values of series (n, steps, 3)", outputs, targets, three, same)
    return outputs, targets.unbind(2)


def pictures(
    outputs: Tensor, targets: Tensor, /
) -> tuple[Float[Tensor, "n c y x"], Float[Tensor, "n c y x"]]:
    """Restored pictures and whole ones, in float64.

    Raises:
        UsageError: shapes that do not match, no pictures, or outputs that are not a number.
    """
    outputs, targets = (given.detach().cpu().double() for given in (outputs, targets))
    same = outputs.shape[1:] == targets.shape[1:]
    _match("pictures of one shape (n, c, y, x)", outputs, targets, outputs.ndim == 4, same)
    return outputs, targets


def ones(outputs: Tensor, /) -> Float[Tensor, "1 n"]:
    """The weighting under which each example counts once."""
    return torch.ones(1, len(outputs), dtype=torch.float64)


def mean(
    weights: Float[Tensor, "b n"], per_example: Shaped[Tensor, "n ..."], /
) -> Float[Tensor, "b ..."]:
    """The weighted mean over the examples, for each weighting."""
    total = weights.sum(1).reshape(-1, *[1] * (per_example.ndim - 1))
    return weights @ per_example.double() / total


def densities(outputs: Tensor, targets: Tensor, /) -> Float[Tensor, " n"]:
    """One log-density of each example, in double precision.

    Raises:
        UsageError: no examples, another count of them, or outputs that are not a number.
    """
    outputs, targets = outputs.detach().cpu(), targets.detach().cpu()
    outputs = outputs[:, None] if outputs.ndim == 1 else outputs
    single = outputs.shape[1:] == (1,)
    _match("one log-density for each of the examples, (n) or (n, 1)", outputs, targets, single)
    return outputs.double().flatten()


def _match(expected: str, outputs: Tensor, targets: Tensor, *agreements: Any) -> None:
    if not all(agreements) or len(outputs) != len(targets):
        raise UsageError(
            f"outputs {tuple(outputs.shape)} and targets {tuple(targets.shape)} do not belong "
            f"together; expected {expected}"
        )
    if not outputs.numel():
        raise UsageError("there is nothing to measure: no examples, or outputs of no numbers")
    if outputs.isnan().any():
        wrong = outputs.isnan().flatten(1).any(1)
        raise UsageError(
            f"the outputs of {int(wrong.sum())} of {len(wrong)} examples are not a number "
            f"(first: example {int(wrong.nonzero()[0])}); the model has diverged, or its inputs "
            "hold such numbers already"
        )
