"""What passes through a network, as the units to which its numbers belong."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from cartograd.practice.compression.units import Units, small


@dataclass(frozen=True, eq=False)
class Flow:
    """A tensor of the graph.

    Attributes:
        shape: of it.
        units: tensors of that shape: of a weight one for each dimension, else mostly one or none.
        weight: whether it is a weight, or a view of one.
        free: whether it is made by the code and has no size of its own: zeros, a range.
    """

    shape: tuple[int, ...]
    units: tuple[Int[Tensor, "..."], ...] = ()
    weight: bool = False
    free: bool = False

    def on(self, dim: int, /) -> list[Int[Tensor, "..."]]:
        """Those units that differ along a dimension."""
        return [one for one in self.units if dim % len(self.shape) in spread(one)]


def spread(units: Int[Tensor, "..."], /) -> tuple[int, ...]:
    """The dimensions along which units may differ."""
    return tuple(dim for dim, size in enumerate(small(units).shape) if size > 1)


def folded(units: Int[Tensor, "..."], /) -> Int[Tensor, "..."]:
    """The same units, merely expanded along each dimension where they do not differ."""
    shape = units.shape
    for dim, size in enumerate(shape):
        if units.numel() and size > 1 and units.stride(dim):
            first = units.narrow(dim, 0, 1)
            units = first if bool((units == first).all()) else units
    return units.expand(shape)


def meet(
    joined: Units, flows: Sequence[Flow], shape: tuple[int, ...], why: str, /
) -> tuple[Int[Tensor, "..."], ...]:
    """The units of a result that is computed number by number, each flow broadcast.

    Units that differ along the same dimensions are joined. A dimension along which one of the
    flows has a size of its own cannot be cut.
    """
    found: list[Tensor] = []
    for flow in flows:
        for units in flow.units:
            _merge(joined, found, units.expand(shape), why)
    for flow in flows:
        if flow.free:
            continue
        for dim, size in enumerate(flow.shape, start=len(shape) - len(flow.shape)):
            if size > 1 and not flow.on(dim - len(shape)):
                for units in found:
                    if dim in spread(units):
                        joined.even(units, [dim], why)
    return tuple(found)


def _merge(joined: Units, found: list[Tensor], units: Tensor, why: str) -> None:
    own = set(spread(units))
    for number, other in enumerate(found):
        theirs = set(spread(other))
        if own == theirs:
            joined.join(units, other)
            return
        if not own & theirs:
            continue
        wide, narrow = (units, other) if own >= theirs else (other, units)
        few = set(spread(narrow))
        if not few <= set(spread(wide)):
            _stay(joined, (units, other), why)
        elif set(joined.varies(wide)) <= few or max(spread(wide)) not in few:
            joined.join(wide, narrow)
        else:
            # A factor for each feature of a head: heads can go, their features cannot.
            joined.even(wide, few, why)
            joined.stay(narrow, why)
        found[number] = wide
        return
    found.append(units)


def _stay(joined: Units, several: Iterable[Tensor], why: str) -> None:
    for units in several:
        joined.stay(units, why)


def contract(joined: Units, a: Flow, da: int, b: Flow, db: int, why: str, /) -> None:
    """Join the units over which two flows are multiplied and summed.

    Of two that are both computed (queries and keys) the dimension keeps its size: what divides
    their product is a function of it.
    """
    ours, theirs = a.on(da), b.on(db)
    both = [*ours, *theirs]
    lines = len(both) == 2 and all(len(spread(one)) == 1 for one in both)
    lines = lines and a.shape[da] == b.shape[db]
    if ours and theirs and lines and (a.weight or b.weight):
        joined.join(*(small(one).reshape(-1) for one in both))
        return
    for flow, dim in ((a, da), (b, db)):
        for units in flow.on(dim):
            joined.even(units, [dim % units.ndim], why)


def stretched(
    joined: Units, flow: Flow, shape: tuple[int, ...], why: str, /
) -> tuple[Int[Tensor, "..."], ...]:
    """The units of a result whose other dimensions have other sizes: pooling, padding."""
    found = []
    for units in flow.units:
        cut = small(units)
        fits = units.ndim == len(shape) and all(
            own in (1, size) for own, size in zip(cut.shape, shape, strict=True)
        )
        if fits:
            found.append(cut.expand(shape))
        else:
            joined.stay(units, why)
    return tuple(found)


def without(units: Int[Tensor, "..."], dims: Iterable[int], /, *, keep: bool) -> Int[Tensor, "..."]:
    """The units left when a dimension is summed over."""
    for dim in sorted(dims, reverse=True):
        units = units.narrow(dim, 0, 1) if keep else units.select(dim, 0)
    return units


def summed(flow: Flow, dim: int, /) -> Flow:
    """The flow with one of its dimensions summed over, which is kept with a size of one."""
    dim = dim % len(flow.shape)
    left = [without(one, [dim], keep=True) for one in flow.units]
    kept = tuple(one for one in left if spread(one))
    return Flow(tuple(1 if i == dim else n for i, n in enumerate(flow.shape)), kept)


def filled(joined: Units, flow: Flow, why: str, /) -> Int[Tensor, "..."]:
    """One tensor of units for a flow; what has none is a unit that stays."""
    if len(flow.units) == 1:
        return flow.units[0]
    for units in flow.units:
        joined.stay(units, why)
    one = joined.fresh(1)
    joined.stay(one, why)
    return one.reshape((1,) * len(flow.shape)).expand(flow.shape) if flow.shape else one[0]


def concatenated(
    joined: Units, flows: Sequence[Flow], dim: int, why: str, /
) -> tuple[Int[Tensor, "..."], ...]:
    """The units of several flows one after another."""
    if not any(flow.units for flow in flows):
        return ()
    parts = [filled(joined, flow, why) for flow in flows]
    dim = dim % parts[0].ndim
    if not any(dim in spread(part) for part in parts):
        for part in parts[1:]:  # rows of the same features
            joined.join(part.narrow(dim, 0, 1), parts[0].narrow(dim, 0, 1))
        shape = list(parts[0].shape)
        shape[dim] = sum(part.shape[dim] for part in parts)
        return (parts[0].narrow(dim, 0, 1).expand(shape),)
    return (torch.cat(parts, dim),)
