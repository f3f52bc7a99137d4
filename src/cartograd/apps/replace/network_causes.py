"""What a difference within the network looks like: overflow, other weights, another order."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cartograd.apps.replace.form import Form, Stage

Pair = tuple[Stage, Stage]

NEAR = 0.2
"""Weights that are apart by less than this share of their size were learned in one training."""

HALVES = (torch.float16, torch.bfloat16)


def of_layer(pair: Pair, forms: Sequence[Form], /) -> str:
    """By the numbers that a layer gives and by its weights."""
    if told := overflow(pair):
        return told
    one, other = pair
    if one.module is None or other.module is None:
        return ""
    if type(one.module) is not type(other.module):
        return f"B has another kind of layer there, {type(other.module).__name__}"
    apart = weights_apart(one.module, other.module)
    if apart is None:
        return ""
    if apart > 1e-6:
        return _of_weights(apart, forms)
    kinds = {x.dtype for layer in (one.module, other.module) for x in layer.parameters()}
    if kinds & set(HALVES):
        return f"the same weights in {_half(kinds)}: its rounding"
    return "the same weights, used otherwise"


def overflow(pair: Pair, /) -> str:
    """Numbers that are not finite in B alone, though A's are above what float16 holds, or not."""
    one, other = (stage.value for stage in pair)
    if bool(other.isfinite().all()) or not bool(one.isfinite().all()):
        return ""
    largest, limit = float(one.abs().max()), torch.finfo(torch.float16).max
    if largest > limit:
        return (
            f"float16 overflow: A's numbers reach {largest:,.0f}, and float16 ends at {limit:,.0f}"
        )
    return "numbers that are not finite in B: an overflow within the layer"


def weights_apart(one: nn.Module, other: nn.Module, /) -> float | None:
    """How far the weights of two layers are apart, as a share of their size; None of none alike."""
    pairs = [
        (left.detach().double().cpu(), right.detach().double().cpu())
        for (_, left), (_, right) in zip(
            one.state_dict().items(), other.state_dict().items(), strict=False
        )
        if left.shape == right.shape and left.is_floating_point()
    ]
    if not pairs:
        return None
    far = sum(float((left - right).square().sum()) for left, right in pairs)
    size = sum(float(left.square().sum()) for left, _ in pairs)
    rounding = 1e-3 if any(x.dtype in HALVES for x in other.parameters()) else 0.0
    share = (far / max(size, 1e-30)) ** 0.5
    return 0.0 if share <= rounding else share


def _of_weights(apart: float, forms: Sequence[Form]) -> str:
    """Other weights: of another moment of one training, or of another."""
    told = f"the weights differ by {100 * apart:.1f} % of their size"
    kept = [form.facts.average for form in forms]
    if kept[0] and not kept[1]:
        return f"{told}: A kept an average of its weights ({kept[0]}), which B dropped"
    if kept[1] and not kept[0]:
        return f"{told}: B keeps an average of its weights ({kept[1]}), and A does not"
    if apart < NEAR:
        return (
            f"{told}: they are of one training; was an average of the weights (EMA) dropped, or "
            "another checkpoint taken?"
        )
    return f"{told}: they were learned apart"


def _half(kinds: set[torch.dtype]) -> str:
    return "float16" if torch.float16 in kinds else "bfloat16"


def of_head(pair: Pair, before: Sequence[Pair], /) -> str:
    """By the numbers before they become an answer."""
    if told := overflow(pair):
        return told
    one, other = (stage.value.double().flatten(1) for stage in pair)
    if one.shape == other.shape and _same_numbers(one, other):
        return "the same numbers in another order: the labels are permuted"
    layers = [pair for pair in before if pair[0].role == "layer"]
    return "" if layers else "the two are other networks, or their layers have no names in common"


def of_answer(pair: Pair, forms: Sequence[Form], /) -> str:
    """By the probabilities, where all before them agreed."""
    one, other = (stage.value for stage in pair)
    labels = [form.facts.labels for form in forms]
    if labels[0] and set(labels[0]) == set(labels[1]) and labels[0] != labels[1]:
        moved = sum(x != y for x, y in zip(*labels, strict=True))
        return f"label order permuted: {moved} of {len(labels[0])} names stand elsewhere in B"
    if one.shape == other.shape and _same_numbers(one, other):
        return "label order permuted: the same probabilities in other places"
    several = any(form.facts.several for form in forms)
    ones = torch.ones(1, dtype=other.dtype)
    if other.ndim == 2 and not several and not torch.allclose(other.sum(1), ones):
        return "B's answers are no probabilities: is a softmax missing?"
    return ""


def _same_numbers(one: Tensor, other: Tensor) -> bool:
    """Whether rows hold the same numbers, in another order."""
    left, right = (x.sort(1).values for x in (one, other))
    close = torch.allclose(left, right, rtol=1e-3, atol=1e-4)
    return close and not torch.allclose(one, other, rtol=1e-3, atol=1e-4)
