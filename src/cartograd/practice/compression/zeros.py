"""Weights that are zero and stay zero: which of a model's, and a copy with more of them.

Only matrices and kernels are thinned out, not biases, factors of norms or the vectors of words. The
names of what was thinned out are kept with the model (`core.narrowed`), so that a further training
moves none of its zeros.
"""

import copy
from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.narrowed import Narrowing, tensors_of
from cartograd.practice.compression.cut import inner_of, note
from cartograd.practice.compression.importance import Scope
from cartograd.practice.compression.rewinding import rewound

Structure = Literal["free", "2:4"]


def matrices(model: nn.Module, /) -> dict[str, nn.Parameter]:
    """The weights that can be thinned out, by name.

    Raises:
        UsageError: there are none.
    """
    words = {id(part.weight) for part in model.modules() if isinstance(part, nn.Embedding)}
    found = {
        name: weight
        for name, weight in model.named_parameters()
        if weight.ndim > 1 and min(weight.shape[:2]) > 1 and id(weight) not in words
    }
    if not found:
        raise UsageError("the model has no matrix whose weights could be set to zero")
    return found


def thinned(
    model: nn.Module, scores: Mapping[str, Tensor], /, *, amount: float, scope: Scope,
    structure: Structure = "free", rewind: str = "",
) -> nn.Module:  # fmt: skip
    """A copy of a model, the weights of the least scores zero.

    Args:
        model: of which the weights are.
        scores: how much each weight matters, by the weights' names.
        amount: share of the weights that is zero then.
        scope: of each matrix, or of all together.
        structure: `2:4` leaves two of each four neighbours in a row, whatever the amount.
        rewind: a folder whose weights all that is left gets; by default it keeps its own.
    """
    stay = _best_two(scores) if structure == "2:4" else _best(scores, amount, scope)
    made = rewound(model, rewind) if rewind else copy.deepcopy(model)
    state = tensors_of(made)
    with torch.no_grad():
        for name, left in stay.items():
            if rewind:  # a zero stays zero: what begins with one and is left shall learn
                least = torch.finfo(state[name].dtype).tiny
                state[name].masked_fill_(state[name] == 0, least)
            state[name].masked_fill_(~left, 0)
    inner, prefix = inner_of(made)
    note(inner, Narrowing(sparse=tuple(name.removeprefix(prefix) for name in stay)))
    return made


def _best(
    scores: Mapping[str, Float[Tensor, "..."]], amount: float, scope: Scope
) -> dict[str, Bool[Tensor, "..."]]:
    if scope == "local":
        return {name: _largest(one, amount) for name, one in scores.items()}
    every = _largest(torch.cat([one.reshape(-1) for one in scores.values()]), amount)
    sizes = [one.numel() for one in scores.values()]
    parts = zip(scores.items(), every.split(sizes), strict=True)
    return {name: left.view(one.shape) for (name, one), left in parts}


def _largest(scores: Float[Tensor, "..."], amount: float) -> Bool[Tensor, "..."]:
    """All but that share, rounded to the nearest count; of equals the first go."""
    gone = scores.reshape(-1).argsort(stable=True)[: round(amount * scores.numel())]
    return torch.ones(scores.numel(), dtype=torch.bool).index_fill_(0, gone, 0).view(scores.shape)


def _best_two(scores: Mapping[str, Float[Tensor, "..."]]) -> dict[str, Bool[Tensor, "..."]]:
    """The best two of each four neighbours in a row; rows of no multiple of four stay whole."""
    found = {}
    for name, one in scores.items():
        rows = one.reshape(len(one), -1)
        if rows.shape[1] % 4:
            continue
        fours = rows.unflatten(1, (-1, 4))
        best = fours.topk(2, 2).indices
        left = torch.zeros_like(fours, dtype=torch.bool).scatter_(2, best, 1)
        found[name] = left.view(one.shape)
    if not found:
        raise UsageError("structure=2:4: no matrix has rows of a multiple of four weights")
    return found


def keep_zeros(model: nn.Module, names: tuple[str, ...], /) -> None:
    """Let no gradient reach the zeros of some weights, so that a training leaves them zero.

    Args:
        model: whose weights are as they were thinned out.
        names: of these weights.
    """
    state = tensors_of(model)
    for name in names:
        weight = state[name]
        left = (weight != 0).to(weight.dtype)
        weight.register_hook(lambda slope, left=left: slope * left.to(slope.device))
