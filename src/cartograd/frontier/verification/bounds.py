"""Bounds of a network's answers over boxes of inputs, by intervals and by lines.

Intervals go forward through the operations (IBP). Lines go backward: a weighted sum of the answers
is a weighted sum of what went into the last operation and a constant, and so on down to the input,
where the smallest value over a box is known (CROWN):

    C f(x) - d >= A x + a >= A m - |A| r + a        m the middle, r the radius of the box
                          >= A x_0 - eps |A|_2 + a  in a ball about x_0 (the dual norm)

At a curve a positive weight takes the line below, a negative one the line above; the lines need
bounds of what goes into the curve, which are found in the same way before.

Numerics: everything is computed in double precision, and the roundings of the model itself, in the
precision in which it is served, count as changes of each operation's results, as large as they can
be in any order of the sums. So what is proved is proved of the sums that the machine does, not of
real numbers only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.frontier.verification.network import Network
from cartograd.frontier.verification.relaxed import Product, Relaxed, summed, through
from cartograd.frontier.verification.rules import Affine, Box, Curved, Ramp

NUMBERS = 2**21
"""How many weights are held at a time: such as a processor's cache holds."""


@dataclass
class Enclosure:
    """What each operation of a network gives, over boxes of inputs.

    Attributes:
        network: the operations.
        boxes: of each node's results; the first is that of the inputs.
        slacks: how far roundings may have moved them, which the boxes have room for.
    """

    network: Network
    boxes: list[Box]
    slacks: list[Tensor | None] = field(default_factory=list)

    def of(self, rows: Tensor | slice, /) -> "Enclosure":
        """The same of some of the boxes of inputs."""
        slacks = [None if one is None else one[rows] for one in self.slacks]
        return Enclosure(self.network, [box.of(rows) for box in self.boxes], slacks)


@dataclass
class Bound:
    """Lower bounds of weighted sums, and what they are made of.

    Attributes:
        lower: the bounds.
        weights: of the inputs, in the end.
        constant: beside these.
        curves: for each curve the weights of its results.
    """

    lower: Float[Tensor, "b s"]
    weights: Float[Tensor, "b s ..."]
    constant: Float[Tensor, "b s"]
    curves: dict[int, Float[Tensor, "b s ..."]]

    def worst(self, box: Box, /) -> Float[Tensor, "b s ..."]:
        """The inputs at which the lines are lowest."""
        low, high = box.low[:, None], box.high[:, None]
        return torch.where(self.weights > 0, low, high)


def enclose(network: Network, box: Box, /, *, lines: bool = True) -> Enclosure:
    """Boxes of all results: by intervals, and before each curve by lines where that is tighter.

    Args:
        network: the operations.
        box: of the inputs.
        lines: whether lines are used; else it is IBP.
    """
    found = Enclosure(network, [box], [None])
    bent = {0: False}
    before = {i for k in network.curved() for i in network.nodes[k].inputs}
    ball = box.ball is not None
    for number, node in enumerate(network.nodes[1:], 1):
        assert node.rule is not None
        inputs = [found.boxes[i] for i in node.inputs]
        slack = network.slack(node, found.boxes)
        found.slacks.append(slack)
        own = node.rule.interval(*inputs)
        found.boxes.append(own if slack is None else own.widened(slack))
        curved = not isinstance(node.rule, Affine)
        after = any(bent[i] for i in node.inputs)
        loose = not curved or isinstance(node.rule, Product)
        if number in before and loose and (lines if after or curved else ball):
            found.boxes[number] = _tightened(found, number)
        bent[number] = curved or after
    return found


def _tightened(found: Enclosure, node: int) -> Box:
    """The box of one node by lines, of the numbers for which that may matter."""
    box = found.boxes[node]
    shape, rows = box.low.shape[1:], len(box.low)
    low, high = box.low.flatten(1).clone(), box.high.flatten(1).clone()
    ramps = all(isinstance(one.rule, Ramp) for one in found.network.nodes[1:] if node in one.inputs)
    asked = ((low < 0) & (high > 0)).any(0) if ramps else (high > low).any(0)
    numbers = asked.nonzero()[:, 0]
    for part in numbers.split(_at_once(found, rows)):
        chosen = torch.zeros(1, 2 * len(part), low.shape[1], dtype=low.dtype)
        place = torch.arange(len(part))
        chosen[0, place, part], chosen[0, place + len(part), part] = 1.0, -1.0
        weights = chosen.reshape(1, 2 * len(part), *shape).expand(rows, -1, *shape)
        bound = backward(found, weights, start=node).lower
        low[:, part] = torch.maximum(low[:, part], bound[:, : len(part)])
        high[:, part] = torch.minimum(high[:, part], -bound[:, len(part) :])
    high = torch.maximum(low, high)
    return Box(low.reshape(rows, *shape), high.reshape(rows, *shape))


def _at_once(found: Enclosure, rows: int) -> int:
    most = max(box.low[0].numel() for box in found.boxes)
    return max(1, NUMBERS // (2 * rows * most))


def backward(
    found: Enclosure,
    weights: Float[Tensor, "b s ..."],
    /,
    *,
    start: int = -1,
    slopes: Mapping[int, Tensor] | None = None,
    multipliers: Mapping[int, Tensor] | None = None,
    intervals: bool = False,
) -> Bound:
    """Lower bounds of weighted sums of a node's results.

    Args:
        found: boxes of what comes before.
        weights: of the sums.
        start: the node; by default the answer.
        slopes: of the lines below ReLUs, by node and for each sum, where they are not the usual.
        multipliers: of what goes into ReLUs, added to the weights; where a side of zero is assumed,
            these are Lagrange's.
        intervals: whether the way ends at the first curves, at the box of what they give (IBP).
    """
    network, boxes = found.network, found.boxes
    start %= len(boxes)
    held: dict[int, Tensor] = {start: weights}
    total = weights.new_zeros(weights.shape[:2])
    curves: dict[int, Tensor] = {}
    for number in range(start, 0, -1):
        if number not in held:
            continue
        node, own = network.nodes[number], held.pop(number)
        inputs = [boxes[i] for i in node.inputs]
        slack = found.slacks[number]
        rule = node.rule
        if isinstance(rule, Affine):
            total = total - _spread(own, slack)
            pulled, constant = rule.back(own, *(box.low for box in inputs))
        elif intervals:
            total = total + _least(own, boxes[number])
            continue
        else:
            curves[number] = own
            total = total - _spread(own, slack)
            if isinstance(rule, Ramp):
                one, constant = _under(rule, own, inputs[0], (slopes or {}).get(number))
                if multipliers is not None and number in multipliers:
                    one = one + multipliers[number]
                pulled = (one,)
            elif isinstance(rule, Relaxed):
                pulled, constant = rule.back(own, *inputs)
            else:
                assert isinstance(rule, Curved)
                one, constant = through(rule.lines(inputs[0]), own)
                pulled = (one,)
        total = total + constant
        for place, part in zip(node.inputs, pulled, strict=True):
            held[place] = held[place] + part if place in held else part
    at_input = held.get(0)
    if at_input is None:
        at_input = weights.new_zeros(*weights.shape[:2], *boxes[0].low.shape[1:])
    return Bound(total + _least(at_input, boxes[0]), at_input, total, curves)


def _under(rule: Ramp, weights: Tensor, box: Box, slope: Tensor | None) -> tuple[Tensor, Tensor]:
    """Weights of a ReLU's results as weights of what goes in, and a constant.

    The line below goes through zero, and there may be one for each sum.
    """
    lines = rule.lines(Box(box.low[:, None], box.high[:, None]), slope=slope)
    constant = summed(weights.clamp(max=0), lines.upper)
    return weights * torch.where(weights > 0, lines.lower_slope, lines.upper_slope), constant


def _spread(weights: Tensor, slack: Tensor | None) -> Tensor | float:
    if slack is None:
        return 0.0
    return summed(weights.abs(), slack[:, None].expand(-1, 1, *weights.shape[2:]))


def _least(weights: Tensor, box: Box) -> Tensor:
    """The smallest value of a weighted sum over a box, and over a ball in it."""
    middle, radius = box.around()
    least = summed(weights, middle[:, None]) - summed(weights.abs(), radius[:, None])
    if box.ball is None:
        return least
    reach = box.ball.radius[:, None] * weights.flatten(2).norm(dim=2)
    return torch.maximum(least, summed(weights, box.ball.centre[:, None]) - reach)
