"""Curves that a model spells out in several operations, and those with a name and several limbs.

A leaky ReLU may stand in a graph as a comparison, a product and a choice, GELU as five operations.
What such operations make of one number is a curve of this number. An interval is cut into pieces;
of each the ends of the curve are known, and what its slopes lie between (`pieces`). With these it
is known, how far the curve g, less any line, may be below its ends:

    g_0 - a (x - x_0)  and  g_1 - b (x_1 - x)  are below g on [x_0, x_1],  slopes from -a to b
    min g >= (b g_0 + a g_1 - a b (x_1 - x_0)) / (a + b)

Shapes: any, `b ...`, kept.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, fx

from cartograd.frontier.verification.call import BATCH, HOLE, Call, NoRuleError, alike
from cartograd.frontier.verification.pieces import OPERATIONS, Piece, begun, constant, either
from cartograd.frontier.verification.rules import Box, Lines, Ramp

PIECES = 24
"""Into how many an interval is cut."""

ABOVE, BELOW = ("gt", "ge"), ("lt", "le")
CHOICE = "where.self"


@dataclass(frozen=True)
class Step:
    """One operation of a curve.

    Attributes:
        name: in ATen; the number itself has none.
        call: with holes for what is a curve of that number.
        inputs: what goes into the holes.
    """

    name: str = ""
    call: Call | None = None
    inputs: tuple["Step", ...] = ()

    def value(self, x: Tensor, /) -> Tensor:
        """The curve at each number."""
        return x if self.call is None else self.call(*(one.value(x) for one in self.inputs))

    def over(self, x: Piece, /) -> Piece:
        """Its values and slopes on pieces."""
        if self.call is None:
            return x
        if self.name == CHOICE:
            return self._chosen(x)
        return OPERATIONS[self.name](self.call, *(one.over(x) for one in self.inputs))

    def _chosen(self, x: Piece) -> Piece:
        """Each limb on its side of a threshold."""
        assert self.call is not None
        test, *curves = self.inputs
        assert test.call is not None
        limit = constant(test.call.args[1], x.low).low
        left = iter(curves)
        limbs = [next(left) if one is HOLE else one for one in self.call.args[1:]]

        def on(side: Callable[[Tensor, Tensor], Tensor], limb: Any) -> tuple[Piece, Tensor]:
            if not isinstance(limb, Step):
                found = constant(limb, x.low)
                return found, found.low
            own = x._replace(low=side(x.low, limit), high=side(x.high, limit))
            return limb.over(own), limb.value(limit)

        names = (torch.maximum, torch.minimum)
        upwards = test.name.partition(".")[0] in ABOVE
        sides = names if upwards else names[::-1]
        (one, at), (other, there) = (on(*pair) for pair in zip(sides, limbs, strict=True))
        above, below = x.low > limit, x.high < limit
        found = either(*((above, below) if upwards else (below, above)), one, other)
        jump = torch.where(above | below, 0.0, (at - there).abs())
        return found._replace(jump=found.jump + jump)


@dataclass(frozen=True)
class Spelled:
    """A curve of each number alone.

    Attributes:
        last: the operation that gives its values.
        terms: of roundings, all of which `size` counts.
    """

    last: Step
    terms: int = 1

    def value(self, *inputs: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """The curve at each number."""
        return self.last.value(inputs[0])

    def interval(self, *boxes: Box) -> Box:
        """The lowest and the highest that a piece may come to."""
        return Box(*self._off(boxes[0], torch.zeros_like(boxes[0].low)))

    def size(self, *boxes: Box) -> Tensor:
        """Roundings of all operations, each as large as the slopes of those behind it let it be."""
        low, high = boxes[0][:2]
        return self.last.over(begun(low[None], high[None])).wrong[0]

    def lines(self, box: Box, /) -> Lines:
        """Lines of the chord's slope, moved to where no point of the curve is beyond."""
        width = box.high - box.low
        ends = self.last.value(box.low), self.last.value(box.high)
        slope = torch.where(width > 1e-9, (ends[1] - ends[0]) / width.clamp(min=1e-9), 0.0)
        lower, upper = self._off(box, slope)
        return Lines(slope, lower, slope, upper)

    def _off(self, box: Box, slope: Tensor) -> tuple[Tensor, Tensor]:
        """The least and the most of the curve less a line through zero."""
        shares = torch.linspace(0, 1, PIECES + 1, dtype=box.low.dtype, device=box.low.device)
        x = box.low + (box.high - box.low) * shares.reshape(-1, *[1] * box.low.ndim)
        g, piece = self.last.value(x) - slope * x, self.last.over(begun(x[:-1], x[1:]))
        wide, down, up = x[1:] - x[:-1], piece.down - slope, piece.up - slope
        least = _least(g[:-1], g[1:], down, up, wide)
        most = -_least(-g[:-1], -g[1:], -up, -down, wide)
        return (least - piece.jump).amin(0), (most + piece.jump).amax(0)


def _least(first: Tensor, last: Tensor, down: Tensor, up: Tensor, wide: Tensor) -> Tensor:
    """What a function is at least, of which the ends and the slopes are known."""
    a, b = (-down).clamp(min=0), up.clamp(min=0)
    bent = (a > 0) & (b > 0)
    within = (b * first + a * last - a * b * wide) / torch.where(bent, a + b, 1.0)
    return torch.where(bent, within, torch.minimum(first, last))


def rule(node: fx.Node, places: Mapping[str, int], known: Mapping[str, Any], /) -> tuple[Any, str]:
    """The rule of a curve, and the name of the node whose numbers it is of.

    Of all nodes that it may be a curve of, the last is taken.

    Args:
        node: gives the curve's values.
        places: of nodes that have a rule, by name.
        known: values of those that do not depend on the input.

    Raises:
        NoRuleError: it is no curve of one number, or has operations that are not known.
    """
    if _tests(name_of(node)):
        raise NoRuleError
    begins: set[str] = set()
    _gather(node, places, known, begins)
    for name in sorted(begins, key=lambda name: -places[name]):
        try:
            step = _step(node, name, known)
        except NoRuleError:
            continue
        return _ramp(step) or Spelled(step), name
    raise NoRuleError


def name_of(node: fx.Node, /) -> str:
    """What ATen calls an operation."""
    return str(node.target).removeprefix("aten.")


def may_be(node: fx.Node, /) -> bool:
    """Whether an operation can be part of a curve: it is of each number by itself."""
    name = name_of(node)
    return name in OPERATIONS or name == CHOICE or _tests(name)


def _tests(name: str) -> bool:
    """Whether an operation compares."""
    return name.partition(".")[0] in (*ABOVE, *BELOW)


def _gather(node: fx.Node, places: Any, known: Any, found: set[str]) -> None:
    for one in node.all_input_nodes:
        if one.name in known:
            continue
        if one.name in places:
            found.add(one.name)
        if may_be(one):
            _gather(one, places, known, found)


def _step(node: fx.Node, begin: str, known: Mapping[str, Any]) -> Step:
    """An operation as one of a curve of the numbers of a node."""
    if node.name == begin:
        return Step()
    if not may_be(node):
        raise NoRuleError
    inputs: list[Step] = []
    shape = tuple(node.meta["val"].shape)

    def given(one: fx.Node) -> Any:
        if one.name in known:
            return known[one.name]
        if tuple(one.meta["val"].shape) != shape or shape[:1] != (BATCH,):
            raise NoRuleError
        inputs.append(_step(one, begin, known))
        return HOLE

    args = fx.map_arg(node.args, given)
    target: Any = node.target
    call = Call(target, tuple(args), dict(node.kwargs), (shape,) * len(inputs), shape)
    step = Step(name_of(node), replace(call, args=alike(call)), tuple(inputs))
    _check(step)
    return step


def _check(step: Step) -> None:
    """Choices are by a threshold of the number itself, and thresholds are for choices.

    Raises:
        NoRuleError: they are not.
    """
    assert step.call is not None
    tests = [one for one in step.inputs if _tests(one.name)]
    if step.name == CHOICE:
        if tests != list(step.inputs[:1]) or step.call.args[0] is not HOLE:
            raise NoRuleError
    elif tests:
        raise NoRuleError
    of_itself = step.inputs == (Step(),) and step.call.args[0] is HOLE
    if _tests(step.name) and not of_itself:
        raise NoRuleError


def _ramp(step: Step) -> Ramp | None:
    """A leaky ReLU in three operations, of one slope: verifiers divide its sides."""
    if step.name != CHOICE or step.inputs[0].name != "gt.Scalar" or len(step.inputs) != 3:
        return None
    test, above, below = step.inputs
    assert test.call is not None
    if test.call.args[1] != 0 or above != Step() or below.name != "mul.Tensor":
        return None
    assert below.call is not None
    (slope,) = [one for one in below.call.args if one is not HOLE] or [None]
    if below.inputs != (Step(),) or not isinstance(slope, float | int) or not 0 <= slope <= 1:
        return None
    return Ramp(float(slope))
