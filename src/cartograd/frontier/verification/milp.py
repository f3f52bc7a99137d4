"""MILP: a network of ReLUs as a mixed integer linear programme, which gives its exact minimum.

Each ReLU that may be on either side of zero gets a variable for its result and one that is 0 or 1
for its side; with bounds l < 0 < u of what goes in, four inequalities say the same as the ReLU:

    r >= z,   r >= 0,   r <= z - l (1 - a),   r <= u a,   a in {0, 1}

Minimised over the box, the margin of the right class is its least value: there is no gap. It takes
time exponential in the number of these ReLUs, so it is for small networks, and the judge of others.

Shapes: x (b ...), y (b).

Departures: bounds l and u are CROWN's. The programme is of real numbers, solved by HiGHS to its
tolerances (1e-7 of constraints, 1e-6 of a, the gap 0): a margin within 1e-6 of zero is unknown.

References:
    Vincent Tjeng, Kai Xiao, Russ Tedrake. Evaluating robustness of neural networks with mixed
    integer programming. ICLR 2019. https://arxiv.org/abs/1711.07356

>>> model = torch.nn.Linear(1, 2, bias=False)
>>> _ = model.weight.data.copy_(torch.tensor([[1.0], [-1.0]]))
>>> x, y = torch.tensor([[0.5]]), torch.tensor([0])
>>> [round(milp(model, x, y, eps=0.25, bounds=(-1.0, 1.0)).size.item(), 3)]
[0.5]
"""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.certificate import Certificate
from cartograd.core.errors import UsageError
from cartograd.frontier.verification.bounds import Enclosure, enclose
from cartograd.frontier.verification.complete import decided
from cartograd.frontier.verification.linear_part import TOLERANCE
from cartograd.frontier.verification.network import Network
from cartograd.frontier.verification.query import Query, Serve, Verdict, tried
from cartograd.frontier.verification.rules import Affine, Ramp

CARD = Card(
    name="milp",
    kind="verifier",
    entry="milp",
    nodes=("verify/bounds",),
    title="Mixed integer linear programme",
    zh="混合整数线性规划验证",
    paper="Evaluating robustness of neural networks with mixed integer programming",
    year=2019,
    url="https://arxiv.org/abs/1711.07356",
    proofs=(
        "oracle: the least margin over every input of a grid, of a network of two inputs, to the "
        "grid's width; no input of the box does worse, and one of it does no better",
    ),
    tiny={"eps": 0.01},
)


def milp(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    eps: float = 8 / 255,
    bounds: tuple[float, float] | None = None,
) -> Certificate:
    """The least margin of all inputs within eps of each example, exactly.

    Args:
        model: gives logits, by ReLUs and affine operations; its signature has the bounds.
        x: inputs in the units of the input port.
        y: the right classes.
        eps: by how much each number may change, in the units of x.
        bounds: smallest and largest valid number, for a model whose signature has none.

    Raises:
        UsageError: as `certified`, or the model has other curves.
    """
    return decided(model, x, y, programme, eps=eps, bounds=bounds)


def programme(query: Query, network: Network, serve: Serve, /) -> Verdict:
    """The answer to a question by one programme, with the exact least sum.

    Raises:
        UsageError: the network has a curve that is no ReLU.
    """
    optimize: Any = import_module("scipy.optimize")  # its stubs know no arrays here
    made = _Programme(enclose(network, query.box))
    answer = made.expressions[-1]
    sums = query.weights.double() @ answer.T - torch.zeros(1).double()
    sums[:, 0] -= query.limits
    numbers = made.count
    rows = np.stack([*made.rows, *(_row(sum_, numbers, -1.0) for sum_ in sums)])
    right = np.array([*made.limits, *(-float(sum_[0]) for sum_ in sums)])
    goal = np.zeros(numbers + 1)
    goal[-1] = 1.0
    low = np.array([*made.low, -np.inf])
    high = np.array([*made.high, np.inf])
    solved: Any = optimize.milp(
        goal,
        constraints=optimize.LinearConstraint(rows, ub=right),
        bounds=optimize.Bounds(low, high),
        integrality=np.array([*made.whole, 0]),
        options={"mip_rel_gap": 0.0},
    )
    if solved.x is None:
        return Verdict("unknown")
    least = float(solved.fun)
    if least > TOLERANCE:
        return Verdict("proved", least=least)
    box = query.box.low
    point = torch.from_numpy(solved.x[: box.numel()]).reshape(box.shape)
    at = tried(query, point, serve)
    return Verdict("unknown", least=least) if at is None else Verdict("refuted", at, least=least)


def _row(sums: Tensor, numbers: int, last: float) -> np.ndarray:
    """A constraint on all variables and the last one, of an expression without its constant."""
    return np.concatenate([sums[1:].numpy(), np.zeros(numbers - len(sums) + 1), [last]])


@dataclass
class _Programme:
    """The variables and constraints of a network, and each node's numbers as sums of variables.

    The expressions of a node have a row for the constant and one for each variable.
    """

    found: Enclosure
    expressions: list[Tensor] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    whole: list[int] = field(default_factory=list)
    rows: list[np.ndarray] = field(default_factory=list)
    limits: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        network, boxes = self.found.network, self.found.boxes
        crossing = 0
        for i in network.curved():
            rule = network.nodes[i].rule
            if not isinstance(rule, Ramp):
                raise UsageError(
                    f"{network.nodes[i].layer} is no ReLU, and a mixed integer linear programme is "
                    "of ReLUs only; branch-and-bound takes others, too"
                )
            crossing += int(rule.crosses(boxes[network.nodes[i].inputs[0]]).sum())
        inputs = boxes[0].low.numel()
        self.low, self.high = boxes[0].low.flatten().tolist(), boxes[0].high.flatten().tolist()
        self.whole = [0] * inputs
        self.count = inputs + 2 * crossing
        first = torch.zeros(1 + self.count, inputs, dtype=torch.float64)
        first[1 + torch.arange(inputs), torch.arange(inputs)] = 1.0
        self.expressions.append(first.reshape(1 + self.count, *boxes[0].low.shape[1:]))
        for node in network.nodes[1:]:
            given = [self.expressions[i] for i in node.inputs]
            if isinstance(node.rule, Affine):
                constant = node.rule.value(*(one[:1] for one in given))
                zero = node.rule.constant(*given)
                parts = node.rule.value(*(one[1:] for one in given)) - zero
                self.expressions.append(torch.cat([constant, parts]))
            else:
                assert isinstance(node.rule, Ramp)
                self.expressions.append(self._ramp(node.rule, given[0], node.inputs[0]))

    def _ramp(self, rule: Ramp, before: Tensor, node: int) -> Tensor:
        """The results of ReLUs: what went in, a share of it, or a new variable."""
        box, flat = self.found.boxes[node], before.flatten(1)
        low, high = box.low.flatten(), box.high.flatten()
        result = torch.where(low >= 0, flat, rule.negative * flat)
        for i in rule.crosses(box).flatten().nonzero()[:, 0].tolist():
            least, most = float(low[i]), float(high[i])
            own, side = len(self.low), len(self.low) + 1
            self.low += [min(0.0, rule.negative * least), 0.0]
            self.high += [most, 1.0]
            self.whole += [0, 1]
            gain = 1 - rule.negative
            z = flat[:, i]
            self._least(z, own, {}, 0.0)
            self._least(rule.negative * z, own, {}, 0.0)
            self._most(z, own, {side: -gain * least}, -gain * least)
            self._most(rule.negative * z, own, {side: -gain * most}, 0.0)
            result[:, i] = 0.0
            result[1 + own, i] = 1.0
        return result.reshape(before.shape)

    def _least(self, z: Tensor, own: int, more: dict[int, float], limit: float) -> None:
        """The variable is at least z."""
        self._add(z, own, more, limit, -1.0)

    def _most(self, z: Tensor, own: int, more: dict[int, float], limit: float) -> None:
        """The variable and more is at most z and a limit."""
        self._add(-z, own, more, limit, 1.0)

    def _add(self, z: Tensor, own: int, more: dict[int, float], limit: float, sign: float) -> None:
        row = np.concatenate([z[1:].numpy(), [0.0]])
        row[own] += sign
        for place, weight in more.items():
            row[place] += weight
        self.rows.append(row)
        self.limits.append(limit - float(z[0]))
