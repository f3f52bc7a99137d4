"""A part of a question in which a network is linear: a linear programme answers."""

import numpy as np
import torch
from torch import Tensor

from cartograd.frontier.verification.bounds import Enclosure, backward
from cartograd.frontier.verification.query import Query, Serve, Verdict, tried

TOLERANCE = 1e-6
"""What HiGHS may be off by, with room."""


def linear_part(
    query: Query, found: Enclosure, sides: dict[int, Tensor], serve: Serve, /
) -> Verdict:
    """Whether an unsafe answer exists in a part in which each ReLU has its side.

    The sides are constraints on the inputs, as wide as roundings may make them. The programme looks
    for the input that is deepest in all that makes an answer unsafe.

    Args:
        query: asks for an unsafe answer.
        found: boxes of the part, one row.
        sides: of the ReLUs that were divided: 1 above zero, -1 below, 0 for those that were not.
        serve: the model, which a found input is run through.
    """
    from scipy.optimize import linprog

    numbers = found.boxes[0].low.numel()
    rows, limits = _constraints(found, sides)
    own = backward(found, query.weights[None])
    sums = own.weights[0].flatten(1)
    constant = own.constant[0] - query.limits
    # least t with  sums x + constant <= t:  the unknowns are x and t
    upper = np.concatenate([
        np.concatenate([rows, np.zeros((len(rows), 1))], 1),
        np.concatenate([sums.numpy(), -np.ones((len(sums), 1))], 1),
    ])  # fmt: skip
    right = np.concatenate([limits, -constant.numpy()])
    box = found.boxes[0]
    low, high = box.low.flatten().tolist(), box.high.flatten().tolist()
    goal = np.zeros(numbers + 1)
    goal[-1] = 1.0
    bounds = [*zip(low, high, strict=True), (None, None)]
    solved = linprog(goal, A_ub=upper, b_ub=right, bounds=bounds, method="highs")
    if solved.status == 2:  # no input has these sides
        return Verdict("proved", least=float("inf"))
    if solved.status != 0:
        return Verdict("unknown")
    if solved.fun > TOLERANCE * (1 + float(constant.abs().max())):
        return Verdict("proved", least=float(solved.fun))
    point = torch.from_numpy(solved.x[:-1]).reshape(found.boxes[0].low.shape)
    at = tried(query, point, serve)
    return Verdict("unknown") if at is None else Verdict("refuted", at)


def _constraints(found: Enclosure, sides: dict[int, Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """The assumed sides as rows w and limits v with w x <= v for each input that has them."""
    rows, limits = [], []
    for node, side in sides.items():
        chosen = side.flatten().nonzero()[:, 0]
        if not len(chosen):
            continue
        before = found.network.nodes[node].inputs[0]
        sign = side.flatten()[chosen].double()
        weights = torch.zeros(len(chosen), side.numel(), dtype=torch.float64)
        weights[torch.arange(len(chosen)), chosen] = -sign
        # s z >= 0:  the lower bound of -s z is at most zero
        bound = backward(found, weights.reshape(1, len(chosen), *side.shape), start=before)
        rows.append(bound.weights[0].flatten(1).numpy())
        limits.append(-bound.constant[0].numpy())
    if not rows:
        return np.zeros((0, found.boxes[0].low.numel())), np.zeros(0)
    return np.concatenate(rows), np.concatenate(limits)
