"""What attacks share: the valid inputs, and the gain that they maximise."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.signed import signature_if_any
from cartograd.frontier.inputs import answers, check_classes, check_each, chosen


@dataclass(frozen=True)
class Judged:
    """How an attack stands at some inputs."""

    gain: Float[Tensor, " b"]
    """What the attack maximises: the log-odds against the right class, or for the wanted one."""
    fooled: Bool[Tensor, " b"]
    """Whether the model gives a wrong answer, or the wanted one."""


def valid(
    model: nn.Module, x: Float[Tensor, "b ..."], y: Tensor, bounds: tuple[float, float] | None, /
) -> tuple[float, float]:
    """The smallest and largest valid number of an input.

    Raises:
        UsageError: neither the signature nor the caller says, both do and differ, the model
            does not choose between classes, the inputs are not valid ones, or there is not
            one class for each.
    """
    signature = signature_if_any(model)
    own = signature.input.bounds if signature else None
    either = own or bounds
    if signature and signature.task.attacked != "class":
        raise UsageError(
            f"an attack changes the class that is answered, but the output "
            f"{signature.output.name!r} has the task {signature.output.task!r}"
        )
    if either is None:
        raise UsageError(
            "the input has no bounds, so it is not known which changed inputs are valid; give "
            "bounds=(low, high), such as the range of the training data, in the model's signature "
            "or beside it"
        )
    if own is not None and bounds is not None and tuple(bounds) != tuple(own):
        raise UsageError(
            f"bounds={tuple(bounds)} differ from the {own} of the model's signature; leave them out"
        )
    check_each(y, x)
    low, high = either
    if not low < high:
        raise UsageError(f"bounds={(low, high)} are not low < high")
    slack = 1e-6 * (high - low)
    if x.numel() and not (x.min() >= low - slack and x.max() <= high + slack):
        raise UsageError(
            f"the inputs reach from {x.min():.4g} to {x.max():.4g}, expected {low:g} to {high:g}: "
            "give them in the units of the input port, not standardised"
        )
    return low, high


@torch.no_grad()
def judge(
    model: nn.Module, x: Float[Tensor, "b ..."], y: Int[Tensor, " b"], /, *, targeted: bool
) -> Judged:
    """How the attack stands at x."""
    return _judge(model, x, y, targeted)


def ascent(
    model: nn.Module, x: Float[Tensor, "b ..."], y: Int[Tensor, " b"], /, *, targeted: bool
) -> tuple[Float[Tensor, "b ..."], Judged]:
    """The gradient of the gain with respect to x only, and how the attack stands there."""
    x = x.detach().requires_grad_()
    judged = _judge(model, x, y, targeted)
    (gradient,) = torch.autograd.grad(judged.gain.sum(), x)
    return gradient, Judged(judged.gain.detach(), judged.fooled)


def _judge(model: nn.Module, x: Tensor, y: Tensor, targeted: bool) -> Judged:
    """How the attack stands at x.

    The log-odds log((1 - p) / p) of the right class grow with its cross-entropy -log p, and their
    gradient has the same direction: it is that of the cross-entropy divided by 1 - p. But where
    p rounds to 1 the cross-entropy has no gradient left, and these still have.
    """
    outputs = answers(model, x)
    if outputs.shape[1] == 1:  # one logit: the odds of class 1 against class 0
        outputs = torch.cat([torch.zeros_like(outputs), outputs], 1)
    check_classes(y, outputs)
    others = outputs.scatter(1, y[:, None], -torch.inf).logsumexp(1)
    against = others - chosen(outputs, y)
    right = outputs.argmax(1) == y
    return Judged(-against, right) if targeted else Judged(against, ~right)
