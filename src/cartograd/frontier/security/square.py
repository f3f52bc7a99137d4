"""Square: random search by scores, a square of pixels at a time.

A network is turned by changes at the corners of the ball, and convolutions see squares best. So
each step sets a random square to a random corner and keeps it if the right class loses by it; the
squares become smaller on the way. It needs the scores only: no gradient that a defence could have
hidden. Where it does better than attacks by gradients, these were misled.

    side = sqrt(share * pixels),   share = 0.8 at first, halved 8 times on the way
    z = clip(P(x + change)),   change = +-eps on the square, the same for all pixels of a channel

Shapes: x and the result (b ...), y (b).

Departures: of series the squares are spans of time with a sign for each feature, and of rows of
numbers they are sets of them, with a sign for each; the place is drawn for each example. Of l2
the square gets the length that there was on it and on a second one, which becomes empty, and what
was left of eps; its shape is flat.

References:
    Maksym Andriushchenko, Francesco Croce, Nicolas Flammarion, Matthias Hein. Square attack: a
    query-efficient black-box adversarial attack via random search. ECCV 2020.
    https://arxiv.org/abs/1912.00049

>>> model = torch.nn.Linear(2, 2, bias=False)
>>> _ = model.weight.data.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
>>> x = torch.tensor([[0.7, 0.5]])
>>> square(model, x, torch.tensor([0]), eps=0.25, queries=50, bounds=(0.0, 1.0))
tensor([[0.4500, 0.7500]])
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.frontier.inputs import check_takes, of_steps, with_gradients
from cartograd.frontier.security.asked import Asked, Searched
from cartograd.frontier.security.ball import Ball, Norm, each, sizes
from cartograd.frontier.security.gain import valid

CARD = Card(
    name="square",
    kind="attack",
    entry="square",
    nodes=("attack/query",),
    title="Square attack",
    zh="方块攻击",
    paper="Square attack: a query-efficient black-box adversarial attack via random search",
    year=2020,
    url="https://arxiv.org/abs/1912.00049",
    proofs=(
        "paper: the share of pixels is halved after 10, 50, 200, 1000, 2000, 4000, 6000 and 8000 "
        "of 10000 questions",
        "law: counts what a model that counts for itself has been asked; no more than was "
        "allowed, and no gradient; more questions never help the model; many more fall than by "
        "random signs",
    ),
    tiny={"queries": 60},
    evidence={"attack/query": ("test_square_counts_its_questions", "test_labels_are_enough")},
)

HALVED = (10, 50, 200, 1000, 2000, 4000, 6000, 8000)
"""Questions of 10000 after which the share is halved."""


def square(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    eps: float = 8 / 255,
    queries: int = 1000,
    norm: Norm = "linf",
    bounds: tuple[float, float] | None = None,
    seed: int = 0,
) -> Float[Tensor, "b ..."]:
    """Inputs within eps of x that the model gets wrong, or comes nearest to getting wrong.

    Args:
        model: gives logits; its signature has the bounds of valid inputs.
        x: inputs in the units of the input port.
        y: the right classes.
        eps: radius of the ball, in the units of x.
        queries: how often the model may be asked about each example.
        norm: `linf` (each number moves by at most eps) or `l2` (the whole change is at most eps).
        bounds: smallest and largest valid number, for a model whose signature has none.
        seed: of the squares and their signs.

    Raises:
        UsageError: no bounds, inputs outside of them, classes that the model does not have, or
            an unknown norm.
    """
    return square_search(
        model, x, y, eps=eps, queries=queries, norm=norm, bounds=bounds, seed=seed
    ).point


def square_search(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    eps: float = 8 / 255,
    queries: int = 1000,
    norm: Norm = "linf",
    bounds: tuple[float, float] | None = None,
    seed: int = 0,
) -> Searched:
    """The same, with how often the model was asked about each example."""
    low, high = valid(model, x, y, bounds)
    check_takes(model, x)
    draw = _Squares(model, x, seed)
    with with_gradients(model):
        x, y = x.detach(), y.to(x.device).long()
        ball, asked = Ball(x, low, high, eps=eps, norm=norm), Asked(model, y)
        rows = torch.arange(len(x), device=x.device)
        point, ahead = x.clone(), asked.ahead(x, rows)
        for query in range(1, queries):
            rows = (ahead <= 0).nonzero()[:, 0]
            if not len(rows):
                break
            here = ball.of(rows)
            if query == 1:
                moved = here.centre + draw.stripes(here)
            else:
                moved = draw.moved(point[rows], here, share_of(query, queries))
            moved = here.project(moved)
            found = asked.ahead(moved, rows)
            better = (found > ahead[rows]).nonzero()[:, 0]
            point[rows[better]], ahead[rows[better]] = moved[better], found[better]
    return Searched(point, asked.queries)


def share_of(query: int, queries: int, /) -> float:
    """The share of the pixels that a square has at a question.

    >>> [share_of(query, 10_000) for query in (1, 11, 51, 9_000)]
    [0.8, 0.4, 0.2, 0.003125]
    """
    scaled = query * 10_000 // queries
    return 0.8 / 2 ** sum(scaled > mark for mark in HALVED)


class _Squares:
    """Random squares of pictures, spans of series, sets of numbers; on the processor."""

    def __init__(self, model: nn.Module, x: Tensor, seed: int, /):
        self.generator = torch.Generator().manual_seed(seed)
        self.space = (2, 3) if x.ndim == 4 else (1,) if of_steps(model, x) else ()

    def stripes(self, ball: Ball, /) -> Tensor:
        """Where the search begins: vertical stripes, a sign for each column of a picture."""
        x = ball.centre
        shape = (len(x), x.shape[1], 1, x.shape[3]) if x.ndim == 4 else x.shape
        change = self._signs(shape).expand(x.shape).to(x)
        return change * _unit(change, ball)

    def moved(self, point: Tensor, ball: Ball, share: float, /) -> Tensor:
        """The points with a new square each."""
        window = self._window(point.shape, share).to(point.device)
        shape = [1 if axis in self.space else size for axis, size in enumerate(point.shape)]
        signs = self._signs(shape).to(point)
        if ball.norm == "linf":
            return torch.where(window, ball.centre + signs * ball.eps, point)
        change = point - ball.centre
        other = self._window(point.shape, share).to(point.device) & ~window
        held = change * (window | other)
        left = ball.eps**2 - sizes(change, "l2").square() + sizes(held, "l2").square()
        new = window * signs / each(window.flatten(1).sum(1).sqrt(), change)
        new = new + (change * window) / each(sizes(change * window, "l2").clamp(min=1e-12), change)
        length = left.clamp(min=0).sqrt() / sizes(new, "l2").clamp(min=1e-12)
        return ball.centre + change - held + new * each(length, new)

    def _signs(self, shape: Sequence[int]) -> Tensor:
        return torch.randint(0, 2, tuple(shape), generator=self.generator) * 2 - 1

    def _window(self, shape: torch.Size, share: float) -> Bool[Tensor, "b ..."]:
        """Which numbers change."""
        count = shape[0]
        if not self.space:
            size = max(1, round(share * shape[1:].numel()))
            order = torch.rand(count, shape[1:].numel(), generator=self.generator).argsort(1)
            return (order.argsort(1) < size).reshape(shape)
        sides = [shape[axis] for axis in self.space]
        whole = torch.Size(sides).numel()
        side = max(1, round((share * whole) ** (1 / len(sides))))
        window = torch.ones(1, dtype=torch.bool)
        for axis, most in zip(self.space, sides, strict=True):
            own = min(side, most)
            start = torch.randint(0, most - own + 1, (count, 1), generator=self.generator)
            at = torch.arange(most)
            line = (at >= start) & (at < start + own)
            view = [count] + [1] * (len(shape) - 1)
            view[axis] = most
            window = window & line.reshape(view)
        return window.expand(shape)


def _unit(change: Tensor, ball: Ball) -> Tensor:
    """What makes a change as large as the ball."""
    if ball.norm == "linf":
        return torch.full((), ball.eps).to(change)
    return each(ball.eps / sizes(change, "l2"), change)
