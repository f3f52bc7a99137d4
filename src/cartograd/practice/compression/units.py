"""Units: which channels of a network go or stay together.

Each channel of each weight is a unit, a number. What passes through a network is followed by a
tensor of the same shape that says for each of its numbers to which unit it belongs; a view, a
transposition or a concatenation does to it what it does to the numbers themselves. Where two meet
(an addition, the inputs of a layer), their units are joined: they can go only together.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Int
from torch import Tensor


class Units:
    """Numbered units, sets of which are joined; some have to stay, for a reason."""

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._roots: Tensor | None = None
        self.fixed: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._parent)

    def fresh(self, count: int, /) -> Int[Tensor, " n"]:
        """New units, each by itself."""
        start = len(self._parent)
        self._parent += range(start, start + count)
        self._roots = None
        return torch.arange(start, start + count)

    def join(self, one: Int[Tensor, "..."], other: Int[Tensor, "..."], /) -> None:
        """Join units that stand at the same place; one is broadcast to the other."""
        a, b = torch.broadcast_tensors(small(one), small(other))
        pairs = torch.stack([a.reshape(-1), b.reshape(-1)], 1)
        for first, second in torch.unique(pairs, dim=0).tolist():
            root, other_root = self._root(first), self._root(second)
            if root != other_root:
                self._parent[max(root, other_root)] = min(root, other_root)
                self._roots = None

    def even(self, units: Int[Tensor, "..."], dims: Iterable[int], why: str, /) -> None:
        """Join what differs along some dimensions only, so that none of these is ever cut.

        Where nothing else varies, all of them are one unit that stays.
        """
        cut = small(units)
        for dim in dims:
            self.join(cut, cut.narrow(dim, 0, 1))
        if not self.varies(units):
            self.stay(units, why)

    def stay(self, units: Int[Tensor, "..."], why: str, /) -> None:
        """These have to stay."""
        for unit in torch.unique(small(units)).tolist():
            self.fixed.setdefault(unit, why)

    def roots(self) -> Int[Tensor, " n"]:
        """For each unit the least of those that it is joined with."""
        if self._roots is None:
            found = torch.tensor(self._parent, dtype=torch.int64)
            while not torch.equal(found, found[found]):
                found = found[found]
            self._roots = found
        return self._roots

    def varies(self, units: Int[Tensor, "..."], /) -> tuple[int, ...]:
        """The dimensions along which units differ."""
        found = self.roots()[small(units)]
        return tuple(
            dim
            for dim in range(found.ndim)
            if found.shape[dim] > 1 and bool((found != found.narrow(dim, 0, 1)).any())
        )

    def _root(self, unit: int) -> int:
        parent = self._parent
        while parent[unit] != unit:
            parent[unit] = parent[parent[unit]]
            unit = parent[unit]
        return unit


def small(units: Int[Tensor, "..."], /) -> Int[Tensor, "..."]:
    """The same with one number for each dimension along which it was only expanded."""
    for dim, (size, stride) in enumerate(zip(units.shape, units.stride(), strict=True)):
        if size > 1 and stride == 0:
            units = units.narrow(dim, 0, 1)
    return units


def along(units: Int[Tensor, " n"], dim: int, shape: Iterable[int], /) -> Int[Tensor, "..."]:
    """Units of one dimension of a tensor of some shape."""
    sizes = list(shape)
    spread = [1] * len(sizes)
    spread[dim] = len(units)
    return units.reshape(spread).expand(sizes)
