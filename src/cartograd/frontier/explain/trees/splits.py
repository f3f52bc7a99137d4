"""How a tree grows: each node is split where its two halves are the most alike within themselves.

With a one for each example's class, the Gini index is the variance of these numbers, summed over
classes; with values it is their variance. So both trees are one: among all features and all places
between neighbouring values, take the split that leaves the least variance,

    max over splits of  |sum of t on the left|^2 / n_left + |sum of t on the right|^2 / n_right

References:
    Leo Breiman, Jerome Friedman, Charles J. Stone, R. A. Olshen. Classification and regression
    trees. 1984. https://doi.org/10.1201/9781315139470
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

AT_ONCE = 2**23
"""Sums that are held at a time."""


@dataclass(frozen=True)
class Growth:
    """How a tree may grow.

    Attributes:
        depth: levels below the root.
        least: fewest examples of a leaf.
        looked: how many features are looked at in each node.
        generator: draws them, if these are not all.
    """

    depth: int
    least: int
    looked: int
    generator: torch.Generator


@dataclass(frozen=True)
class Grown:
    """A tree as tables, in the order of `Heap`.

    Attributes:
        feature: what each node asks for; -1 of a leaf.
        threshold: up to where an example goes to the left.
        cover: how many examples a node had.
        says: the mean of their targets.
    """

    feature: Int[Tensor, " n"]
    threshold: Float[Tensor, " n"]
    cover: Float[Tensor, " n"]
    says: Float[Tensor, "n k"]


def grown(x: Float[Tensor, "n d"], t: Float[Tensor, "n k"], growth: Growth, /) -> Grown:
    """A tree that tells the targets.

    >>> x, t = torch.tensor([[0.0], [1.0], [2.0], [3.0]]), torch.tensor([[0.0], [0], [1], [1]])
    >>> found = grown(x, t, Growth(2, 1, 1, torch.Generator()))
    >>> found.feature.tolist(), found.threshold[0].item(), found.says[:3, 0].tolist()
    ([0, -1, -1, -1, -1, -1, -1], 1.5, [0.5, 0.0, 1.0])
    """
    nodes = 2 ** (growth.depth + 1) - 1
    t = t.double()
    found = Grown(
        torch.full((nodes,), -1), torch.zeros(nodes, dtype=x.dtype), torch.zeros(nodes).double(),
        torch.zeros(nodes, t.shape[1]).double(),
    )  # fmt: skip
    waiting = [(0, torch.arange(len(x), device=x.device))]
    while waiting:
        node, rows = waiting.pop()
        own = t[rows]
        found.cover[node], found.says[node] = len(rows), own.mean(0)
        pure = bool((own == own[0]).all())
        if pure or len(rows) < 2 * growth.least or 2 * node + 1 >= nodes:
            continue
        split = best_split(x[rows], own, growth)
        if split is None:
            continue
        found.feature[node], found.threshold[node] = split
        left = x[rows, split[0]] <= split[1]
        waiting += [(2 * node + 1, rows[left]), (2 * node + 2, rows[~left])]
    return found


def best_split(
    x: Float[Tensor, "n d"], t: Float[Tensor, "n k"], growth: Growth, /
) -> tuple[int, Tensor] | None:
    """The feature and the threshold that leave the least variance; None where nothing differs."""
    differs = (x.amin(0) < x.amax(0)).nonzero()[:, 0]
    if growth.looked < x.shape[1]:
        order = torch.randperm(len(differs), generator=growth.generator)
        differs = differs[order.to(differs.device)[: growth.looked]].sort().values
    best: tuple[float, int, Tensor] | None = None
    for some in differs.split(max(1, AT_ONCE // max(1, t.numel()))):
        values, order = x[:, some].sort(dim=0, stable=True)
        gain = _gains(t[order], growth.least)
        gain[values[1:] <= values[:-1]] = -torch.inf
        top, place = gain.T.flatten().max(0)
        if top.isinf() or (best is not None and float(top) <= best[0]):
            continue
        column, row = divmod(int(place), len(gain))
        best = float(top), int(some[column]), _between(*values[row : row + 2, column])
    return None if best is None else best[1:]


def _gains(t: Float[Tensor, "n d k"], least: int) -> Float[Tensor, "n1 d"]:
    """What is to be as large as it can, for a split after each but the last example."""
    sums, n = t.cumsum(0), len(t)
    left = torch.arange(1, n, dtype=t.dtype, device=t.device)[:, None]
    right = sums[-1] - sums[:-1]
    gain = sums[:-1].square().sum(2) / left + right.square().sum(2) / (n - left)
    gain[: least - 1] = -torch.inf
    gain[n - least :] = -torch.inf
    return gain


def _between(low: Tensor, high: Tensor) -> Tensor:
    """The middle, or the lower of two numbers that have none between them."""
    middle = low + (high - low) / 2
    return torch.where(middle >= high, low, middle)
