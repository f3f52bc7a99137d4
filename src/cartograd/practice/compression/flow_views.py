"""What becomes of units where numbers are laid out anew, chosen, or summed over."""

from typing import Any

import torch
from torch import Tensor

from cartograd.practice.compression.flow import (
    Flow,
    concatenated,
    folded,
    meet,
    spread,
    stretched,
    without,
)  # fmt: skip
from cartograd.practice.compression.flow_call import Call, dims_of, flows_of
from cartograd.practice.compression.units import small


def unknown(call: Call) -> Any:
    """Nothing before it can be cut."""
    for flow in call.flows:
        for units in flow.units:
            call.units.stay(units, call.why)
    return _plain(call.shape)


def _plain(shape: Any) -> Any:
    if isinstance(shape, list):
        return [_plain(one) for one in shape]
    return None if shape is None else Flow(shape)


def pointwise(call: Call) -> Flow:
    """Number by number."""
    free = all(flow.free for flow in call.flows)
    return Flow(call.shape, meet(call.units, call.flows, call.shape, call.why), free=free)


def made(call: Call) -> Flow:
    """Numbers that the code makes, as many as it needs."""
    return Flow(call.shape, free=True)


def passed(call: Call) -> Flow:
    """The first argument, its shape kept."""
    return Flow(call.shape, call.args[0].units)


def viewed(call: Call) -> Any:
    """Numbers elsewhere: the same is done to the units."""
    flow: Flow = call.args[0]
    rest = [torch.empty(a.shape) if isinstance(a, Flow) else a for a in call.args[1:]]
    results = [call.target(one, *rest, **call.kwargs) for one in flow.units]
    if isinstance(call.shape, list):
        return [
            Flow(shape, _laid([result[i] for result in results]), flow.weight, flow.free)
            for i, shape in enumerate(call.shape)
        ]
    return Flow(call.shape, _laid(results), flow.weight, flow.free)


def _laid(units: list[Tensor]) -> tuple[Tensor, ...]:
    """The same units, expanded again along dimensions where they do not differ."""
    return tuple(one for one in map(folded, units) if spread(one))


def gated(call: Call) -> Flow:
    """`glu`: one half of a dimension by the other."""
    flow, dim = call.args[0], call.get(1, "dim", -1)
    for one in flow.units:
        first, second = one.chunk(2, dim)
        call.units.join(first, second)
    return Flow(call.shape, _laid([one.chunk(2, dim)[0] for one in flow.units]))


def gathered(call: Call) -> Flow:
    """Numbers by their places along a dimension that is not cut."""
    flow, dim = call.args[0], call.args[1]
    if flow.on(dim) or any(index.units for index in flows_of(call.args[2:])):
        return unknown(call)
    return Flow(call.shape, stretched(call.units, flow, call.shape, call.why))


def cast(call: Call) -> Flow:
    """Another type or layout of the same numbers."""
    flow: Flow = call.args[0]
    return Flow(call.shape, flow.units, flow.weight, flow.free)


def joined(call: Call) -> Flow:
    """`cat`, `stack`."""
    flows, dim = list(call.args[0]), call.get(1, "dim", 0)
    if call.name == "stack":
        dim = dim % len(call.shape)
        flows = [
            Flow(
                (*f.shape[:dim], 1, *f.shape[dim:]),
                tuple(one.unsqueeze(dim) for one in f.units),
                f.weight,
                f.free,
            )
            for f in flows
        ]
    return Flow(call.shape, _laid([*concatenated(call.units, flows, dim, call.why)]))


def indexed(call: Call) -> Flow:
    """Rows by their numbers, along a dimension that is not cut."""
    flow, index = call.args[0], call.args[1]
    dims = [i for i, one in enumerate(index) if one is not None]
    if any(set(dims) & set(spread(one)) for one in flow.units):
        cut = tuple(one for one in flow.units if not set(dims) & set(spread(one)))
        for one in flow.units:
            if set(dims) & set(spread(one)):
                call.units.stay(one, call.why)
        flow = Flow(flow.shape, cut)
    if any(isinstance(one, Flow) and one.shape == flow.shape for one in index):
        return unknown(call)
    index = [None if one is None else torch.zeros(one.shape, dtype=torch.int64) for one in index]
    key = tuple(slice(None) if one is None else one for one in index)
    return Flow(call.shape, _laid([one[key] for one in flow.units]))


def resized(call: Call) -> Flow:
    """Pooling, padding, interpolation: other sizes of dimensions that are not cut."""
    return Flow(call.shape, stretched(call.units, call.args[0], call.shape, call.why))


def reduced(call: Call) -> Any:
    """A sum or a maximum over dimensions."""
    flow: Flow = call.args[0]
    place = 2 if "norm" in call.name else 1
    dims = dims_of(call.get(place, "dim"), len(flow.shape))
    shape = call.shape[0] if isinstance(call.shape, list) else call.shape
    keep = len(shape) == len(flow.shape)
    units = []
    for one in flow.units:
        if set(dims) & set(spread(one)):
            call.units.even(one, set(dims) & set(spread(one)), call.why)
        left = without(one, dims, keep=keep)
        units += [left] if spread(left) else []
    result = Flow(shape, tuple(units))
    return [result for _ in call.shape] if isinstance(call.shape, list) else result


def along_dims(call: Call) -> Flow:
    """A softmax or a running sum along a dimension, which therefore cannot be cut."""
    flow: Flow = call.args[0]
    for one in flow.units:
        for dim in dims_of(call.get(1, "dim"), len(flow.shape)):
            if dim in spread(one):
                call.units.even(one, [dim], call.why)
    call.heads += [small(one) for one in flow.units if "softmax" in call.name and spread(one)]
    return Flow(call.shape, flow.units)
