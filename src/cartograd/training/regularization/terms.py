"""Regularisers as an objective takes them: penalties on the weights, blends of examples."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core import registry
from cartograd.core.build import build, entry
from cartograd.core.card import Card
from cartograd.core.errors import unknown
from cartograd.core.spec import Spec

Penalty = Callable[[nn.Module], Tensor]
Mix = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def penalty(spec: str | None, /) -> Penalty | None:
    """The penalty on a model's weights; biases and the scales of normalisations are exempt.

    Args:
        spec: `l1:weight=1e-3` or `l2:weight=1e-4`; None for no penalty.

    Raises:
        UsageError: it is no such regulariser, or an argument is wrong.
    """
    term = _built(spec, 1, "penalty")
    if term is None:
        return None
    return lambda model: sum(
        (term(weight) for weight in model.parameters() if weight.requires_grad and weight.ndim > 1),
        start=torch.zeros(()),
    )


def mix(spec: str | None, /) -> Mix | None:
    """How inputs and targets (`b k`) of a batch are blended; None for not at all.

    Random numbers come from torch's global generator, which the engine seeds at each step.

    Args:
        spec: `mixup:alpha=0.2` or `cutmix`.

    Raises:
        UsageError: it is no such regulariser, or an argument is wrong.
    """
    return _built(spec, 3, "mix")


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


def tensors(card: Card, /) -> int:
    """What a regulariser is given: a penalty 1 weight, a blend 3 (inputs, targets, a generator).

    A layer is a class and is given none: it is a part of a model.
    """
    make = entry(card)
    given = [] if inspect.isclass(make) else inspect.signature(make).parameters.values()
    return sum(one.kind is one.POSITIONAL_ONLY for one in given)


def _built(spec: str | None, count: int, what: str) -> Callable[..., Any] | None:
    if spec is None:
        return None
    name = Spec.parse(spec).name
    if not any(tensors(card) == count for card, _ in registry.lookup(name, kind="regulariser")):
        cards = [card for card in registry.cards().values() if card.kind == "regulariser"]
        raise unknown(what, name, [card.name for card in cards if tensors(card) == count])
    return build(spec, kind="regulariser")
