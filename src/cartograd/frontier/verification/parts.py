"""How a question is divided: by the sides of ReLUs, or by halves of an input's interval."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from cartograd.frontier.verification.alpha_crown import ascend
from cartograd.frontier.verification.bounds import Bound, Enclosure, backward, enclose
from cartograd.frontier.verification.linear_part import linear_part
from cartograd.frontier.verification.network import Network
from cartograd.frontier.verification.query import Query, Serve, Verdict, tried
from cartograd.frontier.verification.rules import Box, Ramp

FEW = 8
"""Inputs that move, of which intervals are halved rather than ReLUs divided."""

AT_ONCE = 32
STEPS, LR = 10, 0.3
"""Of the ascent on slopes and multipliers, for each part."""


def divide(
    query: Query,
    network: Network,
    serve: Serve,
    /,
    *,
    branches: int,
    stop: Callable[[], bool] = lambda: False,
) -> Verdict:
    """The answer to a question, within so many parts.

    Args:
        query: asks for an unsafe answer.
        network: of the model.
        serve: the model, which inputs that seem to refute are run through.
        branches: the most parts.
        stop: whether time is up.
    """
    moving = int((query.box.high > query.box.low).sum())
    ramps = all(isinstance(network.nodes[i].rule, Ramp) for i in network.curved())
    by_halves = moving <= FEW or not ramps
    return (_halves if by_halves else _sides)(query, network, serve, branches, stop)


def _halves(
    query: Query, network: Network, serve: Serve, branches: int, stop: Callable[[], bool]
) -> Verdict:
    """Halve the input that counts most, of the parts with the lowest bounds first."""
    low, high, rows = query.box.low, query.box.high, torch.zeros(1).double()
    seen, least = 0, float("inf")
    while len(low):
        if seen >= branches or stop():
            return Verdict("unknown", parts=seen)
        order = rows.argsort()
        now, later = order[:AT_ONCE], order[AT_ONCE:]
        box, seen = Box(low[now], high[now]), seen + len(now)
        found = enclose(network, box)
        bound = backward(found, query.weights[None].expand(len(now), -1, -1))
        lower = bound.lower - query.limits
        best = lower.amax(1)
        row = lower.argmax(1)
        worst = bound.worst(box)[torch.arange(len(now)), row]
        point = tried(query, torch.cat([worst, (box.low + box.high) / 2]), serve)
        if point is not None:
            return Verdict("refuted", point, seen)
        open_ = (best <= 0).nonzero()[:, 0]
        if len(done := best[best > 0]):
            least = min(least, float(done.min()))
        weights = bound.weights[torch.arange(len(now)), row]
        pull = ((weights.abs() + 1e-12) * (box.high - box.low)).flatten(1)[open_]
        at, begin, end = pull.argmax(1), box.low.flatten(1)[open_], box.high.flatten(1)[open_]
        each = torch.arange(len(open_))
        middle = (begin[each, at] + end[each, at]) / 2
        if bool(((middle <= begin[each, at]) | (middle >= end[each, at])).any()):
            return Verdict("unknown", parts=seen)  # an interval of no width, within roundings
        upper, under = begin.clone(), end.clone()
        upper[each, at], under[each, at] = middle, middle
        shape = low.shape[1:]
        low = torch.cat([low[later], begin.reshape(-1, *shape), upper.reshape(-1, *shape)])
        high = torch.cat([high[later], under.reshape(-1, *shape), end.reshape(-1, *shape)])
        rows = torch.cat([rows[later], best[open_], best[open_]])
    return Verdict("proved", parts=seen, least=least)


@dataclass
class _Part:
    """A part of a question: which sides of ReLUs are assumed, and its bound."""

    sides: dict[int, Tensor]
    lower: float


def _sides(
    query: Query, network: Network, serve: Serve, branches: int, stop: Callable[[], bool]
) -> Verdict:
    """Divide ReLUs, of the parts with the lowest bounds first."""
    root = enclose(network, query.box)
    ramps = [i for i in network.curved() if isinstance(network.nodes[i].rule, Ramp)]
    start = {i: torch.zeros_like(root.boxes[i].low[0], dtype=torch.int8) for i in ramps}
    waiting, seen, least = [_Part(start, -float("inf"))], 0, float("inf")
    unknown = False
    while waiting:
        if seen >= branches or stop():
            return Verdict("unknown", parts=seen)
        waiting.sort(key=lambda part: part.lower)
        now, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
        seen += len(now)
        sides = {i: torch.stack([part.sides[i] for part in now]) for i in ramps}
        found = _assuming(root, sides, len(now))
        weights = query.weights[None].expand(len(now), -1, -1)
        bound = ascend(found, weights, steps=STEPS, lr=LR, assumed=sides)
        lower = bound.lower - query.limits
        best, row = lower.max(1)
        worst = bound.worst(found.boxes[0])[torch.arange(len(now)), row]
        if (point := tried(query, worst, serve)) is not None:
            return Verdict("refuted", point, seen)
        for number, part in enumerate(now):
            if best[number] > 0:
                least = min(least, float(best[number]))
                continue
            place = _widest(found, bound, number, int(row[number]), ramps)
            if place is None:
                leaf = linear_part(query, found.of(slice(number, number + 1)), part.sides, serve)
                if leaf.answer == "refuted":
                    return Verdict("refuted", leaf.found, seen)
                least, unknown = min(least, leaf.least), unknown or leaf.answer == "unknown"
                continue
            for side in (1, -1):
                node, index = place
                own = dict(part.sides)
                own[node] = part.sides[node].clone()
                own[node].view(-1)[index] = side
                waiting.append(_Part(own, float(best[number])))
    return Verdict("unknown", parts=seen) if unknown else Verdict("proved", parts=seen, least=least)


def _assuming(root: Enclosure, sides: dict[int, Tensor], rows: int) -> Enclosure:
    """The boxes of the whole question for each part, where sides are assumed up to zero."""
    network = root.network
    boxes = [
        Box(*(end.expand(rows, *end.shape[1:]) for end in (box.low, box.high)), ball=None)
        for box in root.boxes
    ]
    slacks = [None if one is None else one.expand(rows, *one.shape[1:]) for one in root.slacks]
    for node, side in sides.items():
        before = network.nodes[node].inputs[0]
        low, high = boxes[before].low, boxes[before].high
        boxes[before] = Box(
            torch.where(side > 0, low.clamp(min=0), low),
            torch.where(side < 0, high.clamp(max=0), high),
        )
    return Enclosure(network, boxes, slacks)


def _widest(
    found: Enclosure, bound: Bound, part: int, row: int, ramps: list[int]
) -> tuple[int, int] | None:
    """The ReLU whose lines are farthest apart where it counts; none if each has its side."""
    best, place = 0.0, None
    for node in ramps:
        rule = found.network.nodes[node].rule
        assert isinstance(rule, Ramp)
        box = found.boxes[found.network.nodes[node].inputs[0]].of(slice(part, part + 1))
        gap = -box.low * box.high / (box.high - box.low).clamp(min=1e-30)
        weights = bound.curves[node][part, row].abs()[None] if node in bound.curves else gap * 0
        score = torch.where(rule.crosses(box), (weights + 1e-9) * gap + 1e-300, 0.0)
        top = float(score.max())
        if top > best:
            best, place = top, (node, int(score.argmax()))
    return place
