"""Recurrent layers as rules: LSTM and GRU step by step, layer by layer, in one direction or both.

References:
    Ching-Yun Ko, Zhaoyang Lyu, Tsui-Wei Weng, Luca Daniel, Ngai Wong, Dahua Lin. POPQORN:
    quantifying robustness of recurrent neural networks. ICML 2019.
    https://arxiv.org/abs/1905.07387
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from cartograd.frontier.verification.call import HOLE, Call, NoRuleError
from cartograd.frontier.verification.relaxed import Product
from cartograd.frontier.verification.rules import Affine, Rule
from cartograd.frontier.verification.smooth import sigmoid, tanh
from cartograd.frontier.verification.whole import Parts

State = tuple[int, ...]
"""Numbers of the parts that a step hands to the next."""

TIMES = Product(torch.mul, 1, apart=True)
PLUS = Affine(torch.add, torch.add, 1)
OTHERWISE = Affine(lambda z: 1 - z, lambda r: r, 1)


def recurrent(call: Call) -> Parts:
    """The states of all steps of a recurrent layer.

    Raises:
        NoRuleError: steps come before examples, it begins at another state than zero, or its states
            are projected.
    """
    x, states, weights, biased, layers, _, training, two, first = call.args
    states = list(states) if isinstance(states, list | tuple) else [states]
    ways, each = 2 if two else 1, 4 if biased else 2
    known = not any(one is HOLE for one in (*states, *weights))
    if x is not HOLE or training or not first or not known or len(weights) != layers * ways * each:
        raise NoRuleError
    if any(bool(state.any()) for state in states):
        raise NoRuleError
    made, place = _Unrolled(_lstm if len(states) == 2 else _gru, call.shapes[0][1]), 0
    for layer in range(layers):
        found = [
            made.along(place, weights[(layer * ways + way) * each :][:each], back=way == 1)
            for way in range(ways)
        ]
        place = made.joined(found)
    return made.parts


class _Unrolled:
    """Parts that are added step by step."""

    def __init__(self, cell: Callable[..., State], steps: int, /):
        self.cell, self.steps = cell, steps
        self.parts: Parts = []

    def add(self, rule: Rule, *read: int) -> int:
        """Another part; its number."""
        self.parts.append((rule, read))
        return len(self.parts)

    def along(self, place: int, own: Sequence[Tensor], *, back: bool) -> list[int]:
        """One layer in one direction: the numbers of its states, in the order of the row."""
        state: State = ()
        found: list[int] = []
        for t in reversed(range(self.steps)) if back else range(self.steps):
            state = self.cell(self, self.add(_piece(t, t + 1, 1), place), state, own)
            found.append(state[0])
        return found[::-1] if back else found

    def joined(self, found: Sequence[Sequence[int]]) -> int:
        """The states of all steps and directions beside each other."""

        def beside(*states: Tensor) -> Tensor:
            ways = [states[i : i + self.steps] for i in range(0, len(states), self.steps)]
            return torch.cat([torch.cat(way, 1) for way in ways], 2)

        return self.add(Affine(beside, beside, 0), *(one for way in found for one in way))

    def gates(self, asked: int, count: int, width: int) -> list[int]:
        """The parts of what all gates are asked."""
        return [self.add(_piece(i * width, (i + 1) * width, 2), asked) for i in range(count)]


def _lstm(made: _Unrolled, x: int, state: State, own: Sequence[Tensor]) -> State:
    """i, f, g, o of the step; c = f c' + i g, h = o tanh(c)."""
    asked = made.add(_asked(own, both=bool(state)), x, *state[:1])
    i, f, g, o = made.gates(asked, 4, own[1].shape[1])
    cell = made.add(TIMES, made.add(sigmoid(), i), made.add(tanh(), g))
    if state:
        cell = made.add(PLUS, made.add(TIMES, made.add(sigmoid(), f), state[1]), cell)
    return made.add(TIMES, made.add(sigmoid(), o), made.add(tanh(), cell)), cell


def _gru(made: _Unrolled, x: int, state: State, own: Sequence[Tensor]) -> State:
    """r, z of the step; n = tanh(a + r b), h = (1 - z) n + z h' where b is of the state alone."""
    width = own[1].shape[1]
    a = made.gates(made.add(_dense(own[0], own[2] if own[2:] else None), x), 3, width)
    bias = own[3] if own[2:] else own[0].new_zeros(3 * width)
    if state:
        b = made.gates(made.add(_dense(own[1], bias), state[0]), 3, width)
        r, z = (made.add(sigmoid(), made.add(PLUS, a[i], b[i])) for i in (0, 1))
        n = made.add(tanh(), made.add(PLUS, a[2], made.add(TIMES, r, b[2])))
        kept = made.add(TIMES, z, state[0])
        return (made.add(PLUS, made.add(TIMES, made.add(OTHERWISE, z), n), kept),)
    r, z = (made.add(sigmoid(), made.add(_moved(part), a[i])) for i, part in
            enumerate(bias.split(width)[:2]))  # fmt: skip
    last = bias[2 * width :]
    asked = Affine(lambda a, r: a + r * last, lambda a, r: a + r * last.abs(), 2)
    n = made.add(tanh(), made.add(asked, a[2], r))
    return (made.add(TIMES, made.add(OTHERWISE, z), n),)


def _asked(own: Sequence[Tensor], *, both: bool) -> Affine:
    """What all gates are asked, by the step's input and, but for the first step, the state."""
    bias = sum(own[2:], own[0].new_zeros(len(own[0])))
    if not both:
        return _dense(own[0], bias)
    one, two = own[0].T, own[1].T
    return Affine(
        lambda x, h: x @ one + h @ two + bias,
        lambda x, h: x @ one.abs() + h @ two.abs(),
        len(one) + len(two) + 3,
    )


def _dense(weight: Tensor, bias: Tensor | None) -> Affine:
    own = weight.new_zeros(len(weight)) if bias is None else bias
    matrix = weight.T
    return Affine(lambda x: x @ matrix + own, lambda r: r @ matrix.abs(), len(matrix) + 3)


def _moved(by: Tensor) -> Affine:
    return Affine(lambda x: x + by, lambda r: r, 1)


def _piece(start: int, end: int, dim: int) -> Affine:
    """Some of the numbers along a dimension."""

    def piece(x: Tensor) -> Tensor:
        return x.narrow(dim, start, end - start)

    return Affine(piece, piece, 0)
