"""How much a group of channels matters: the ways by which the least ones are cut.

l1, l2      the sum of |w|, or of w^2, over all weights that go with the group
bn-scale    the sum of |gamma| over the factors of its batch norms (network slimming)
taylor      the sum of |w dL/dw|: how much the loss changes by, to first order
random      nothing
"""

from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.narrowed import tensors_of
from cartograd.practice.compression.widths import Dependencies

Importance = Literal["l1", "l2", "bn-scale", "taylor", "random"]
Scope = Literal["local", "global"]


def scored(
    model: nn.Module, found: Dependencies, by: Importance, /, *,
    gradients: Mapping[str, Tensor] | None = None, seed: int = 0,
) -> Float[Tensor, " n"]:  # fmt: skip
    """A number for each unit, of which those of the groups' least units count.

    Args:
        model: whose channels they are.
        found: its dependencies.
        by: by which.
        gradients: of the loss, by the weights' names; for `taylor`.
        seed: of `random`.

    Raises:
        UsageError: a width has no batch norm, for `bn-scale`.
    """
    count = len(found.roots)
    if by == "random":
        draw = torch.Generator().manual_seed(seed)
        return torch.rand(count, generator=draw, dtype=torch.float64)
    scores = torch.zeros(count, dtype=torch.float64)
    for name, tensor in _counted(model, found, by).items():
        value = tensor.detach().double().cpu()
        if by == "taylor":
            value = value * (gradients or {})[name].double().cpu()
        value = value.square() if by == "l2" else value.abs()
        for dim in found.units[name]:
            own = value.movedim(dim, 0).reshape(value.shape[dim], -1).sum(1)
            scores.index_add_(0, found.groups_of(name, dim), own)
    if by == "bn-scale":
        for width in found.widths:
            if not bool(scores[list(width.groups)].any()):
                raise UsageError(
                    f"importance=bn-scale: {width.name} has no batch norm whose factors could be "
                    "compared; take importance=l1"
                )
    return scores


def _counted(model: nn.Module, found: Dependencies, by: str) -> dict[str, Tensor]:
    """The weights that count."""
    state = tensors_of(model)
    learned = {name: state[name] for name in found.units if isinstance(state[name], nn.Parameter)}
    if by != "bn-scale":
        return learned
    norms = {
        id(part.weight)
        for part in model.modules()
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.affine
    }
    return {name: one for name, one in learned.items() if id(one) in norms}


def least(
    found: Dependencies, scores: Float[Tensor, " n"], amount: float, scope: Scope, /
) -> set[int]:
    """The groups that go.

    Args:
        found: of a model.
        scores: of its groups.
        amount: share of the groups; of each width it is rounded down.
        scope: `local`: that share of each width; `global`: of all, each beside the mean of its
            width.
    """
    layers: dict[int, list[int]] = {}
    for number, groups in enumerate(found.layers):
        for group in groups:
            layers.setdefault(group, []).append(number)
    left = [len(groups) for groups in found.layers]
    lists = []
    for width in found.widths:
        own = scores[list(width.groups)]
        own = own / own.mean().clamp(min=1e-300) if scope == "global" else own
        lists.append(list(zip(own.tolist(), width.groups, strict=True)))
    lists = [[pair for pairs in lists for pair in pairs]] if scope == "global" else lists
    gone: set[int] = set()
    for pairs in lists:
        most, taken = int(len(pairs) * amount + 1e-9), 0
        for _, group in sorted(pairs):
            if taken < most and all(left[number] > 1 for number in layers[group]):
                gone.add(group)
                taken += 1
                for number in layers[group]:
                    left[number] -= 1
    return gone
