"""What becomes of units in layers: where weights are multiplied by what passes through."""

from typing import Any

import torch
from torch import Tensor

from cartograd.practice.compression.flow import (
    Flow,
    contract,
    folded,
    meet,
    spread,
    summed,
    without,
)
from cartograd.practice.compression.flow_call import Call, flows_of
from cartograd.practice.compression.flow_views import unknown
from cartograd.practice.compression.units import along, small


def normalised(call: Call) -> Flow:
    """A norm over the last dimensions: its statistics are of all features."""
    flow: Flow = call.args[0]
    last = range(len(flow.shape) - len(call.args[1]), len(flow.shape))
    for one in flow.units:
        if cut := set(last) & set(spread(one)):
            call.units.even(one, cut, call.why)
    for weight in flows_of(call.args[2:]):
        for one in weight.units:
            call.units.stay(one, call.why)
    return Flow(call.shape, flow.units)


def batch_norm(call: Call) -> Flow:
    """A norm of each channel by itself."""
    flow: Flow = call.args[0]
    _channels(call, flow)
    for weight in flows_of(call.args[1:5]):
        contract(call.units, flow, 1, weight, 0, call.why)
    call.bare += [] if flows_of(call.args[1:5]) else [small(u).reshape(-1) for u in flow.on(1)]
    return Flow(call.shape, flow.units)


def group_norm(call: Call) -> Flow:
    """A norm of some channels together, which can go only together."""
    flow, groups = call.args[0], call.args[1]
    _channels(call, flow)
    for weight in flows_of(call.args[2:4]):
        contract(call.units, flow, 1, weight, 0, call.why)
    for one in flow.on(1):
        rows = small(one).reshape(groups, -1)
        if groups == 1:
            call.units.even(rows, [1], call.why)
        call.units.join(rows, rows[:, :1])
    return Flow(call.shape, flow.units)


def _channels(call: Call, flow: Flow) -> None:
    """Only the channels may be cut here."""
    for one in flow.units:
        if others := set(spread(one)) - {1}:
            call.units.even(one, others, call.why)


def linear(call: Call) -> Flow:
    """A matrix for each row of features."""
    x, w = call.args[0], call.args[1]
    contract(call.units, x, -1, w, -1, call.why)
    out = _bias(call, w, 0)
    rows = [along(small(one).reshape(-1), len(call.shape) - 1, call.shape) for one in out]
    before = tuple(one.expand(call.shape) for one in summed(x, -1).units)
    return Flow(call.shape, (*before, *rows))


def _bias(call: Call, w: Flow, dim: int, place: int = 2) -> list[Tensor]:
    """The units of a layer's outputs, joined with those of its bias; a width of the network."""
    out = w.on(dim)
    lone = Flow((w.shape[dim],), tuple(small(one).reshape(-1) for one in out), weight=True)
    for bias in flows_of([call.get(place, "bias")]):
        contract(call.units, lone, 0, bias, 0, call.why)
    call.widths += lone.units
    return out


def matmul(call: Call) -> Flow:
    """Matrices, of which one may be a weight."""
    a, b = call.args[-2:] if call.name in ("addmm", "baddbmm") else call.args[:2]
    if min(len(a.shape), len(b.shape)) < 2:
        return unknown(call)
    contract(call.units, a, -1, b, -2, call.why)
    for weight, dim in ((b, -1), (a, -2)):
        if weight.weight:
            call.widths += [small(one).reshape(-1) for one in weight.on(dim)]
    parts = [summed(a, -1), summed(b, -2)]
    parts += call.args[:1] if call.name in ("addmm", "baddbmm") else []
    return Flow(call.shape, meet(call.units, parts, call.shape, call.why))


def convolution(call: Call) -> Flow:
    """A convolution; in groups, each of which goes or stays as a whole."""
    x, w = call.args[0], call.args[1]
    turned = "transpose" in call.name
    groups = call.get(7 if turned else 6, "groups", 1)
    groups = groups if isinstance(groups, int) else 1
    _channels(call, x)
    out = _bias(call, w, 1 if turned else 0)
    if groups == 1:
        contract(call.units, x, 1, w, 0 if turned else 1, call.why)
    elif turned:
        for one in (*x.units, *w.units):
            call.units.stay(one, call.why)
    else:
        for one in w.on(1):
            call.units.stay(one, call.why)
        whole = [small(one).reshape(groups, -1) for one in (*x.on(1), *out)]
        for rows in whole:
            call.units.join(rows, rows[:, :1])
            call.units.join(rows[:, :1], whole[0][:, :1])
        if not x.on(1):
            for one in out:
                call.units.stay(one, call.why)
    return Flow(call.shape, tuple(along(small(u).reshape(-1), 1, call.shape) for u in out))


def embedding(call: Call) -> Flow:
    """A row for each word; the words stay."""
    w = call.args[0]
    for one in w.on(0):
        call.units.stay(one, call.why)
    rows = [small(one).reshape(-1) for one in w.on(1)]
    call.widths += rows
    return Flow(call.shape, tuple(along(one, len(call.shape) - 1, call.shape) for one in rows))


def attention(call: Call) -> Flow:
    """Scaled dot products; heads can go, with those that share their keys."""
    q, k, v = call.args[:3]
    heads = len(call.shape) - 3
    parts = []
    for flow in (q, k, v):
        for one in flow.units:
            if others := set(spread(one)) - {heads}:
                call.units.even(one, others, call.why)
        shared = q.shape[heads] // flow.shape[heads] if heads >= 0 else 1
        units = [without(one, [heads + 1, heads + 2], keep=True) for one in flow.units]
        if shared > 1 and heads >= 0:
            units = [folded(one.repeat_interleave(shared, heads)) for one in units]
        shape = (*q.shape[: heads + 1], 1, 1)
        parts.append(Flow(shape, tuple(one for one in units if spread(one))))
    mask = [
        m for m in flows_of([call.get(3, "attn_mask")]) if heads >= 0 and m.shape[-3:-2] != (1,)
    ]
    for flow in (m for m in mask if len(m.shape) > 2):
        for one in flow.units:
            if others := set(spread(one)) - {one.ndim - 3}:
                call.units.even(one, others, call.why)
        units = tuple(without(one, [one.ndim - 2, one.ndim - 1], keep=True) for one in flow.units)
        parts.append(Flow((*flow.shape[:-2], 1, 1), units))
    met = meet(call.units, parts, call.shape, call.why)
    call.heads += [small(one) for one in met]
    return Flow(call.shape, met)


def recurrent(call: Call) -> Any:
    """`lstm`, `gru` and plain ones: the gates of a hidden unit go together, in all layers."""
    packed = str(call.target).endswith("data")
    x = call.args[0]
    weights: list[Flow] = list(call.args[3 if packed else 2])
    biased, layers = call.args[4 if packed else 3], call.args[5 if packed else 4]
    both = bool(call.args[8 if packed else 7])
    ways, each = 1 + both, 4 if biased else 2
    hidden = weights[1].shape[1]
    if len(weights) != layers * ways * each:  # projected states
        return unknown(call)
    first = small(weights[1].on(1)[0]).reshape(-1) if hidden > 1 else None
    below = x
    for number in range(layers * ways):
        own = weights[number * each : (number + 1) * each]
        if number and number % ways == 0:
            state = [] if first is None else [torch.cat([first] * ways)]
            below = Flow((hidden * ways,), tuple(state))
        contract(call.units, below, -1, own[0], 1, call.why)
        for one in (u for flow in own for u in flow.on(0)):
            rows = small(one).reshape(-1, hidden)
            if first is not None:
                call.units.join(rows, first)
        for one in own[1].on(1):
            call.units.join(small(one).reshape(-1), first if first is not None else one)
    call.widths += [] if first is None else [first]
    return _states(call, first, ways)


def _states(call: Call, first: Tensor | None, ways: int) -> list[Flow]:
    if first is None:
        return [Flow(shape) for shape in call.shape]
    for flow in flows_of([call.args[1], call.args[2]]):  # states that are given
        for one in flow.units if flow.shape[-1:] == first.shape else ():
            if spread(one) == (one.ndim - 1,):
                call.units.join(small(one).reshape(-1), first)
    out = [along(torch.cat([first] * ways), len(call.shape[0]) - 1, call.shape[0])]
    states = [(shape, along(first, len(shape) - 1, shape)) for shape in call.shape[1:]
              if shape and shape[-1] == len(first)]  # fmt: skip
    rest = [Flow(shape, (one,)) for shape, one in states]
    return [Flow(call.shape[0], tuple(out)), *rest]


def prelu(call: Call) -> Flow:
    """A slope for each channel."""
    x, w = call.args
    if w.on(0):
        contract(call.units, x, 1, w, 0, call.why)
    return Flow(call.shape, x.units)
