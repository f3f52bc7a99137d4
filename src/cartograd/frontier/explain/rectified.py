"""What guided backpropagation and the deconvolution share: ReLUs that pass back what is positive.

forward     y = max(0, x)
derivative  dx = dy [x > 0]
deconvnet   dx = dy [dy > 0]
guided      dx = dy [x > 0] [dy > 0]
"""

from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.frontier.explain.baselines import targets_of
from cartograd.frontier.explain.rules import Rules, of_relus
from cartograd.frontier.explain.within import within
from cartograd.frontier.inputs import answers, chosen, looking, rows_at_once


class Rectified(torch.autograd.Function):
    """A ReLU that passes back what is positive."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, guided: bool) -> Tensor:
        """The ReLU."""
        ctx.guided = guided
        ctx.save_for_backward(x > 0)
        return x.clamp_min(0)

    @staticmethod
    def backward(ctx: Any, *upper: Tensor) -> tuple[Tensor, None]:
        """What is positive, of units that were on if it is guided."""
        (on,) = ctx.saved_tensors
        found = upper[0].clamp_min(0)
        return found * on if ctx.guided else found, None


def rectified_gradient(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"] | int | None,
    guided: bool,
) -> Float[Tensor, "b ..."]:
    """The gradient of one output with respect to the input by such ReLUs.

    Raises:
        UsageError: inputs without gradient, an output that the model does not have, or no ReLU.
    """
    if seen := within(model, x):
        vectors = seen.vectors(x)
        return seen.told(rectified_gradient(seen, vectors, target=target, guided=guided))
    rows, parts = rows_at_once(x), []
    rule = of_relus(lambda given: Rectified.apply(given, guided))
    with looking(model, x):
        targets = targets_of(model, x, target, rows)
        for part, own in zip(x.detach().split(rows), targets.split(rows), strict=True):
            point = part.clone().requires_grad_()
            with Rules(rule) as rules:
                found = chosen(answers(model, point), own).sum()
            check_met(rules, "ReLU")
            parts.append(torch.autograd.grad(found, point)[0])
    return torch.cat(parts)


def check_met(rules: Rules, what: str, /) -> None:
    """Refuse a model in which there was nothing to change.

    Raises:
        UsageError: there was not.
    """
    if not rules.met:
        raise UsageError(
            f"the model calls no {what}, so this method would give the plain gradient; take "
            "saliency, smoothgrad or integrated_gradients"
        )
