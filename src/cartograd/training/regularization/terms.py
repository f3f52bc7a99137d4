"""Regularisers as an objective takes them: penalties on the weights, blends of examples."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.build import build
from cartograd.core.errors import unknown
from cartograd.core.spec import Spec

PENALTIES = ("l1", "l2")
MIXES = ("mixup", "cutmix")

Penalty = Callable[[nn.Module], Tensor]
Mix = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def penalty(spec: str | None, /) -> Penalty | None:
    """The penalty on a model's weights; biases and the scales of normalisations are exempt.

    Args:
        spec: `l1:weight=1e-3` or `l2:weight=1e-4`; None for no penalty.

    Raises:
        UsageError: it is no such regulariser, or an argument is wrong.
    """
    price = _built(spec, PENALTIES, "penalty")
    if price is None:
        return None
    return lambda model: sum(
        (
            price(weight)
            for weight in model.parameters()
            if weight.requires_grad and weight.ndim > 1
        ),
        start=torch.zeros(()),
    )


def mix(spec: str | None, /) -> Mix | None:
    """How inputs and targets (`b k`) of a batch are blended; None for not at all.

    Random numbers come from torch's global generator, which the engine seeds at each step.

    Args:
        spec: `mixup:concentration=0.2` or `cutmix`.

    Raises:
        UsageError: it is no such regulariser, or an argument is wrong.
    """
    return _built(spec, MIXES, "mix")


def blended(
    loss: Callable[[Tensor, Tensor], Tensor],
    logits: Float[Tensor, "b k"],
    targets: Float[Tensor, "b n"],
    /,
) -> Float[Tensor, " b"]:
    """A loss of class indices for blended targets: the same blend of the two losses."""
    shares, classes = targets.topk(min(2, targets.shape[1]))
    pairs = zip(shares.to(logits.dtype).T, classes.T, strict=True)
    return torch.stack([share * loss(logits, single) for share, single in pairs]).sum(0)


def one_hot(targets: Int[Tensor, " b"], /) -> Float[Tensor, "b n"]:
    """Classes as distributions, over as many classes as occur."""
    return F.one_hot(targets).float()


def _built(spec: str | None, known: tuple[str, ...], what: str) -> Callable[..., Any] | None:
    if spec is None:
        return None
    name = Spec.parse(spec).name
    if name not in known:
        raise unknown(what, name, known)
    return build(spec, kind="regulariser")
