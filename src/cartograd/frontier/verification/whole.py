"""Operations that are several rules in turn: attention, and rows that are normalised.

Each becomes a list of parts; a part reads what goes into the operation, or parts before it.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from cartograd.frontier.verification.call import HOLE, Call, NoRuleError, alike
from cartograd.frontier.verification.relaxed import Product, Softmax
from cartograd.frontier.verification.rules import Affine, Rule
from cartograd.frontier.verification.standardised import Standardised

Parts = list[tuple[Rule, tuple[int, ...]]]
"""Rules, with numbers of what each reads: of what goes in, and behind these of the parts."""


def standardised(call: Call) -> Parts:
    """Layer normalisation of the last dimension, with its weight and bias.

    Raises:
        NoRuleError: it is of several dimensions.
    """
    usual: list[Any] = [None, None, 1e-5]
    x, shape, weight, bias, eps = [*call.args, *usual[len(call.args) - 2 :]][:5]
    return _scaled(x, shape, Standardised(shape[-1], eps), weight, bias)


def of_length(call: Call) -> Parts:
    """RMS normalisation of the last dimension, with its weight."""
    usual: list[Any] = [None, None]
    x, shape, weight, eps = [*call.args, *usual[len(call.args) - 2 :]]
    eps = torch.finfo(call.dtype).eps if eps is None else eps
    return _scaled(x, shape, Standardised(shape[-1], eps, centred=False), weight, None)


def of_groups(call: Call) -> Parts:
    """Normalisation of groups of channels over their positions, with weight and bias a channel.

    Raises:
        NoRuleError: weight or bias depend on the input.
    """
    usual: list[Any] = [None, None, 1e-5]
    x, groups, weight, bias, eps = [*call.args, *usual[len(call.args) - 2 :]][:5]
    return _grouped(x, call.shape, groups, weight, bias, eps)


def of_channels(call: Call) -> Parts:
    """Normalisation of each channel over its positions.

    Raises:
        NoRuleError: statistics are those that were learned, or a weight depends on the input.
    """
    x, weight, bias, _, _, own, _, eps, *_ = call.args
    if not own:
        raise NoRuleError
    return _grouped(x, call.shape, call.shape[1], weight, bias, eps)


def _grouped(
    x: Any, shape: tuple[int, ...], groups: int, weight: Any, bias: Any, eps: float
) -> Parts:
    """Rows of a group's numbers, standardised, and a factor and a constant a channel."""
    if x is not HOLE or any(one is HOLE for one in (weight, bias)):
        raise NoRuleError
    rest, count = shape[1:], math.prod(shape[1:]) // groups
    there, back = (
        Affine(lambda z, dims=dims: z.reshape(len(z), *dims), lambda r, dims=dims:
               r.reshape(len(r), *dims), 0) for dims in ((groups, count), rest)
    )  # fmt: skip
    parts: Parts = [(there, (0,)), (Standardised(count, eps), (1,)), (back, (2,))]
    if weight is None and bias is None:
        return parts
    factor, added = (
        usual if one is None else one.reshape(-1, *[1] * (len(rest) - 1))
        for one, usual in ((weight, torch.ones(())), (bias, torch.zeros(())))
    )
    affine = Affine(lambda z: z * factor + added, lambda r: r * factor.abs(), 2)
    return [*parts, (affine, (3,))]


def _scaled(
    x: Any, shape: Sequence[int], rule: Standardised, weight: Tensor | None, bias: Tensor | None
) -> Parts:
    if x is not HOLE or len(shape) != 1 or any(one is HOLE for one in (weight, bias)):
        raise NoRuleError
    if weight is None:
        return [(rule, (0,))]
    own = torch.zeros_like(weight) if bias is None else bias
    affine = Affine(lambda z: z * weight + own, lambda r: r * weight.abs(), 2)
    return [(rule, (0,)), (affine, (1,))]


def softmax(call: Call) -> Softmax:
    """Shares along the last dimension.

    Raises:
        NoRuleError: it is along another one.
    """
    if call.args[1] % len(call.shape) != len(call.shape) - 1:
        raise NoRuleError
    return Softmax(call.shape[-1])


def attention(call: Call) -> Parts:
    """Scores, their softmax, and a mean of the values by it.

    Raises:
        NoRuleError: keys are shared by heads, numbers are dropped, or a query sees no key.
    """
    names = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")
    named = dict(zip(names, call.args, strict=False)) | call.kwargs
    given = [named.get(name) for name in names]
    (mask,) = alike(Call(call.op, (given[3],), {}, call.shapes, call.shape))
    if any(one is not HOLE for one in given[:3]) or given[4] or mask is HOLE:
        raise NoRuleError
    (*_, heads, t, width), (*_, groups, s, _), _ = call.shapes
    if heads != groups:
        raise NoRuleError
    factor = named.get("scale") or 1 / math.sqrt(width)
    seen = None
    if given[5]:
        seen = torch.ones(t, s, dtype=torch.bool).tril()
    elif isinstance(mask, Tensor):
        seen = mask if mask.dtype == torch.bool else mask > -math.inf
    if seen is not None and not bool(seen.any(-1).all()):
        raise NoRuleError
    parts: Parts = [(Product(lambda q, k: q @ k.mT * factor, width + 2), (0, 1))]
    if isinstance(mask, Tensor) and mask.dtype != torch.bool:
        added = mask.masked_fill(~mask.isfinite(), 0.0)
        parts.append((Affine(lambda x: x + added, lambda r: r, 1), (3,)))
    shares = 2 + len(parts)
    parts.append((Softmax(s, None if seen is None or bool(seen.all()) else seen), (shares,)))
    parts.append((Product(torch.matmul, s), (shares + 1, 2)))
    return parts
