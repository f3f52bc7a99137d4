"""The gain: what an attack raises, and whether the model is fooled.

    log-odds        log(sum_(i != y) exp z_i) - z_y
    margin          max_(i != y) z_i - z_y
    DLR             margin / (z_(1) - z_(3))
    targeted DLR    (z_t - z_y) / (z_(1) - (z_(3) + z_(4)) / 2)

z are the logits, z_(1) >= z_(2) >= ... the same in order. The log-odds log((1 - p) / p) of the
right class grow with its cross-entropy -log p, and their gradient has the same direction: it is
that of the cross-entropy divided by 1 - p. But where p rounds to 1 the cross-entropy has no
gradient left, and these still have. The difference of logits ratio (DLR) does not change when all
logits are multiplied, so that a model cannot hide behind large ones; of three classes both forms
are divided by z_(1) - z_(3), of two (where the ratio would be a constant) by nothing.

References:
    Francesco Croce, Matthias Hein. Reliable evaluation of adversarial robustness with an ensemble
    of diverse parameter-free attacks. ICML 2020. https://arxiv.org/abs/2003.01690
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.signed import signature_if_any
from cartograd.frontier.inputs import (
    answers,
    check_classes,
    check_each,
    check_one_input,
    chosen,
    slope,
)
from cartograd.frontier.security.ball import movable


@dataclass(frozen=True)
class Judged:
    """How an attack stands at some inputs."""

    gain: Float[Tensor, " b"]
    """What the attack maximises: by how much the right class is behind, or the wanted one ahead."""
    fooled: Bool[Tensor, " b"]
    """Whether the model gives a wrong answer, or the wanted one."""


Gain = Callable[[Tensor, Tensor], Tensor]
"""Of logits and right classes."""


def valid(
    model: nn.Module, x: Float[Tensor, "b ..."], y: Tensor, bounds: tuple[float, float] | None, /
) -> tuple[Float[Tensor, "b ..."], Float[Tensor, "b ..."]]:
    """The smallest and largest valid value of each number of the inputs.

    Raises:
        UsageError: neither the signature nor the caller says, both do and differ, the model
            does not choose between classes, the inputs are not valid ones, or there is not
            one class for each.
    """
    check_one_input(model)
    signature = signature_if_any(model)
    own = signature.input.bounds if signature else None
    either = own or bounds
    if signature and signature.task.attacked != "class":
        raise UsageError(
            f"an attack changes the class that is answered, but the output "
            f"{signature.output.name!r} has the task {signature.output.task!r}"
        )
    if signature and signature.input.kind == "text":
        raise UsageError(
            "the model reads tokens, and only real numbers have a gradient; an attack on texts "
            "swaps some of them: hotflip, synonym-swap or character-swap"
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
    least, most = (torch.full_like(x, end) for end in (low, high))
    if signature and signature.input.columns and x.ndim == 2:
        free = movable(signature.input, x)
        least, most = torch.where(free, least, x), torch.where(free, most, x)
    return least, most


@torch.no_grad()
def judge(
    model: nn.Module, x: Shaped[Tensor, "b ..."], y: Int[Tensor, " b"], /, *, targeted: bool = False
) -> Judged:
    """How the attack stands at x, by the log-odds."""
    return _judge(model, x, y, targeted, log_odds)


def ascent(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    targeted: bool = False,
    by: Gain | None = None,
) -> tuple[Float[Tensor, "b ..."], Judged]:
    """The gradient of the gain with respect to x only, and how the attack stands there.

    Raises:
        UsageError: the answers do not depend on the inputs by anything that has a gradient.
    """
    x = x.detach().requires_grad_()
    judged = _judge(model, x, y, targeted, by or log_odds)
    gradient = slope(judged.gain.sum(), x)
    return gradient, Judged(judged.gain.detach(), judged.fooled)


def logits(model: nn.Module, x: Shaped[Tensor, "b ..."], /) -> Float[Tensor, "b k"]:
    """The model's answers; a single logit becomes two, the odds of class 1 against class 0."""
    outputs = answers(model, x)
    return torch.cat([torch.zeros_like(outputs), outputs], 1) if outputs.shape[1] == 1 else outputs


def _judge(model: nn.Module, x: Tensor, y: Tensor, targeted: bool, by: Gain) -> Judged:
    outputs = logits(model, x)
    check_classes(y, outputs)
    gain, right = by(outputs, y), outputs.argmax(1) == y
    return Judged(-gain, right) if targeted else Judged(gain, ~right)


def log_odds(outputs: Float[Tensor, "b k"], y: Int[Tensor, " b"], /) -> Float[Tensor, " b"]:
    """Against the right classes."""
    return _others(outputs, y).logsumexp(1) - chosen(outputs, y)


def margin(outputs: Float[Tensor, "b k"], y: Int[Tensor, " b"], /) -> Float[Tensor, " b"]:
    """By how much the best of the other classes is ahead of the right one."""
    return _others(outputs, y).amax(1) - chosen(outputs, y)


def dlr(outputs: Float[Tensor, "b k"], y: Int[Tensor, " b"], /) -> Float[Tensor, " b"]:
    """The margin as a share of how far the first class is ahead of the third."""
    if outputs.shape[1] < 3:
        return margin(outputs, y)
    best = outputs.topk(3).values
    return margin(outputs, y) / _not_zero(best[:, 0] - best[:, 2])


def toward(wanted: Int[Tensor, " b"], /) -> Gain:
    """The targeted DLR: how far the wanted classes are ahead of the right ones."""

    def gain(outputs: Tensor, y: Tensor, /) -> Tensor:
        ahead = chosen(outputs, wanted) - chosen(outputs, y)
        if outputs.shape[1] < 3:
            return ahead
        best = outputs.topk(min(4, outputs.shape[1])).values
        return ahead / _not_zero(best[:, 0] - best[:, 2:].mean(1))

    return gain


def rivals(model: nn.Module, x: Float[Tensor, "b ..."], y: Int[Tensor, " b"], /) -> Tensor:
    """The classes other than the right one, the likeliest at x first, `b k`."""
    with torch.no_grad():
        outputs = logits(model, x)
    check_classes(y, outputs)
    return _others(outputs, y).argsort(1, descending=True)[:, :-1]


def _others(outputs: Tensor, y: Tensor) -> Tensor:
    return outputs.scatter(1, y[:, None], -torch.inf)


def _not_zero(numbers: Tensor) -> Tensor:
    return numbers.clamp(min=torch.finfo(numbers.dtype).eps)
