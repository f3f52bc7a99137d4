"""A question about a network: is there an input of a box whose answer is unsafe?"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.frontier.verification.network import Network
from cartograd.frontier.verification.rules import Box

Answer = Literal["proved", "refuted", "unknown"]

Serve = Callable[[Float[Tensor, "b ..."]], Float[Tensor, "b k"]]
"""The model as it is served, for inputs in double precision, which it is given in its own."""


@dataclass(frozen=True)
class Query:
    """An answer y is unsafe if each weighted sum C y is at most its limit d.

    Attributes:
        box: of the inputs, one row.
        weights: C, a row for each sum.
        limits: d.
        strict: whether an answer at the limit itself is safe still, as a class that is level with
            another may be the one that is answered.
    """

    box: Box
    weights: Float[Tensor, "s k"]
    limits: Float[Tensor, " s"]
    strict: bool = False

    def unsafe(self, answers: Float[Tensor, "b k"], /) -> Tensor:
        """Whether each answer is unsafe."""
        ahead = self.ahead(answers)
        return ahead < 0 if self.strict else ahead <= 0

    def ahead(self, answers: Float[Tensor, "b k"], /) -> Float[Tensor, " b"]:
        """By how much each answer misses being unsafe."""
        return (answers.double() @ self.weights.T - self.limits).amax(1)


@dataclass(frozen=True)
class Verdict:
    """What is known of a question.

    Attributes:
        answer: whether there is no such input, there is one, or neither is known.
        found: the input, which was run through the model; none unless it refutes.
        parts: how many parts of the box were looked at.
        least: by how much all answers miss being unsafe at least; minus infinity if unknown.
    """

    answer: Answer
    found: Float[Tensor, "..."] | None = None
    parts: int = 0
    least: float = -float("inf")


def tried(query: Query, points: Float[Tensor, "b ..."], serve: Serve, /) -> Tensor | None:
    """An input among these that the served model answers unsafely, if there is one.

    Points outside of the box are moved into it.
    """
    points = torch.minimum(torch.maximum(points, query.box.low), query.box.high)
    unsafe = query.unsafe(serve(points)).nonzero()[:, 0]
    return points[unsafe[0]] if len(unsafe) else None


def steepest(query: Query, network: Network, serve: Serve, /, *, steps: int = 20) -> Tensor | None:
    """An unsafe input found by steps along the signs of gradients, from the middle and at random.

    It is an attack on the question itself, whatever its sums are.
    """
    low, high = query.box.low, query.box.high
    draw = torch.Generator().manual_seed(0)
    share = torch.rand(8, *low.shape[1:], generator=draw, dtype=low.dtype)
    share[0] = 0.5
    point, radius = low + share * (high - low), (high - low) / 2
    for step in range(steps + 1):
        if (found := tried(query, point, serve)) is not None:
            return found
        with torch.enable_grad():
            at = point.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(query.ahead(network(at)).sum(), at)
        length = radius * (0.5 if step < steps // 2 else 0.1)
        point = torch.minimum(torch.maximum(point - length * gradient.sign(), low), high)
    return None
