"""APGD: projected gradient descent that finds its own step size.

It begins with steps as long as the ball is wide and a memory of the last move. At checkpoints it
asks whether the steps still lead up: if too few of them did, or nothing better was found, it goes
back to the best point and halves the step. What is left of PGD to choose is the number of steps,
so that defences are compared alike.

    z = P(x_k + size * direction(gradient))
    x_(k+1) = P(x_k + 0.75 (z - x_k) + 0.25 (x_k - x_(k-1))),    size = 2 eps at first

Shapes: x and the result (b ...), y (b).

Departures: an example is left alone as soon as it is fooled. `ce` is the log-odds against y, which
is a monotone function of the cross-entropy (so it takes the same steps) and does not vanish where
the model is sure. Random starts are uniform in the ball.

References:
    Francesco Croce, Matthias Hein. Reliable evaluation of adversarial robustness with an ensemble
    of diverse parameter-free attacks. ICML 2020. https://arxiv.org/abs/2003.01690

>>> model = torch.nn.Linear(2, 2, bias=False)
>>> _ = model.weight.data.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
>>> x, y = torch.tensor([[0.7, 0.5], [0.9, 0.1]]), torch.tensor([0, 0])
>>> apgd(model, x, y, eps=0.25, restarts=0, bounds=(0.0, 1.0))
tensor([[0.4500, 0.7500],
        [0.6500, 0.3500]])
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import unknown
from cartograd.frontier.inputs import looking
from cartograd.frontier.security.ball import Ball, Norm, each
from cartograd.frontier.security.found import Best
from cartograd.frontier.security.gain import (
    Gain,
    ascent,
    dlr,
    judge,
    log_odds,
    rivals,
    toward,
    valid,
)

CARD = Card(
    name="apgd",
    kind="attack",
    entry="apgd",
    nodes=("attack/pgd",),
    title="Auto-PGD",
    zh="自动步长投影梯度下降",
    paper="Reliable evaluation of adversarial robustness with an ensemble of diverse "
    "parameter-free attacks",
    year=2020,
    url="https://arxiv.org/abs/2003.01690",
    proofs=(
        "paper: its algorithm 1 written out for one example, step by step, to 1e-10 in float64; "
        "checkpoints at 22, 41, 57 and 70 of 100 steps",
        "law: within eps and within the bounds; by cross-entropy and by targeted DLR at most as "
        "many stand as under PGD with as many steps; DLR does not change with the logits' scale",
    ),
    tiny={"steps": 4},
)

LOSSES = ("ce", "dlr", "targeted-dlr")
RIVALS = 9
"""Classes that the targeted form tries to reach, as in the paper."""


def apgd(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    eps: float = 8 / 255,
    steps: int = 100,
    norm: Norm = "linf",
    loss: Literal["ce", "dlr", "targeted-dlr"] = "ce",
    restarts: int = 1,
    bounds: tuple[float, float] | None = None,
    seed: int = 0,
) -> Float[Tensor, "b ..."]:
    """Inputs within eps of x that the model gets wrong, or comes nearest to getting wrong.

    Args:
        model: gives logits; its signature has the bounds of valid inputs.
        x: inputs in the units of the input port.
        y: the right classes.
        eps: radius of the ball, in the units of x.
        steps: steps from each start.
        norm: `linf` (each number moves by at most eps) or `l2` (the whole change is at most eps).
        loss: what rises: `ce` (cross-entropy), `dlr` (difference of logits ratio) or
            `targeted-dlr`, which goes for each of nine classes in turn.
        restarts: random points to start from; 0 starts once, from x itself.
        bounds: smallest and largest valid number, for a model whose signature has none.
        seed: of the random starts.

    Raises:
        UsageError: no bounds, inputs outside of them, classes that the model does not have, or
            an unknown norm or loss.
    """
    if loss not in LOSSES:
        raise unknown("loss", loss, LOSSES)
    low, high = valid(model, x, y, bounds)
    generator = torch.Generator().manual_seed(seed)
    with looking(model, x):
        x, y = x.detach(), y.to(x.device).long()
        best, ball = Best(x), Ball(x, low, high, eps=eps, norm=norm)
        for rows in best.unfooled():
            best.note(x[rows], rows, judge(model, x[rows], y[rows]))
        climb(best, model, y, ball, steps=steps, loss=loss, restarts=restarts, generator=generator)
    return best.point


def climb(
    best: Best,
    model: nn.Module,
    y: Int[Tensor, " b"],
    ball: Ball,
    /,
    *,
    steps: int,
    loss: str,
    restarts: int,
    generator: torch.Generator,
) -> None:
    """The attack on those examples that are not fooled yet."""
    best.start()
    for goal in _goals(model, ball.centre, y, loss):
        for _ in range(max(1, restarts)):
            begin = ball.drawn(generator) if restarts else ball.centre
            for rows in best.unfooled():
                _climb(best, model, begin[rows], ball.of(rows), y[rows], rows, steps, loss, goal)


def _goals(model: nn.Module, x: Tensor, y: Tensor, loss: str) -> Iterator[Tensor]:
    """The classes to reach, one for each example at a time; the right ones if any other will do."""
    if loss != "targeted-dlr":
        yield y
        return
    order = torch.cat(
        [rivals(model, *some) for some in zip(x.split(256), y.split(256), strict=True)]
    )
    yield from order[:, :RIVALS].unbind(1)


@dataclass
class _State:
    """Where each example stands: all of its numbers are dropped together once it is fooled."""

    rows: Tensor
    y: Tensor
    goal: Tensor
    point: Tensor
    before: Tensor
    gradient: Tensor
    gain: Tensor
    size: Tensor
    risen: Tensor
    """How many steps since the last checkpoint raised the gain."""
    top: Tensor
    top_gradient: Tensor
    top_gain: Tensor
    last_size: Tensor
    last_gain: Tensor

    def keep(self, left: Tensor) -> None:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name)[left])


def _climb(
    best: Best,
    model: nn.Module,
    point: Tensor,
    ball: Ball,
    y: Tensor,
    rows: Tensor,
    steps: int,
    loss: str,
    goals: Tensor,
) -> None:
    goal = goals[rows]
    gradient, judged = ascent(model, point, y, by=_gain(loss, goal))
    best.note(point, rows, judged)
    gain, size = judged.gain, point.new_full((len(point),), 2 * ball.eps)
    now = _State(
        rows, y, goal, point, point, gradient, gain, size, torch.zeros_like(size),
        point, gradient, gain, size, gain,
    )  # fmt: skip
    checkpoints, last, left = set(checked(steps)), 0, (~judged.fooled).nonzero()[:, 0]
    for step in range(1, steps + 1):
        if len(left) < len(now.rows):
            now.keep(left)
            ball = ball.of(left)
        if not len(left):
            return
        _move(now, ball, first=step == 1)
        now.gradient, judged = ascent(model, now.point, now.y, by=_gain(loss, now.goal))
        best.note(now.point, now.rows, judged)
        now.risen = now.risen + (judged.gain > now.gain)
        now.gain = judged.gain
        higher = judged.gain > now.top_gain
        wide = each(higher, now.point)
        now.top = torch.where(wide, now.point, now.top)
        now.top_gradient = torch.where(wide, now.gradient, now.top_gradient)
        now.top_gain = torch.where(higher, now.gain, now.top_gain)
        if step in checkpoints:
            _check(now, step - last)
            last = step
        left = (~judged.fooled).nonzero()[:, 0]


def _move(now: _State, ball: Ball, /, *, first: bool) -> None:
    """One step, with the memory of the last move from the second step on."""
    step = each(now.size, now.point) * ball.direction(now.gradient)
    after = ball.project(now.point + step)
    if not first:
        after = ball.project(
            now.point + 0.75 * (after - now.point) + 0.25 * (now.point - now.before)
        )
    now.before, now.point = now.point, after


def _check(now: _State, steps: int, /) -> None:
    """Halve the step and go back to the best point, where the way does not lead up any more."""
    few = now.risen < 0.75 * steps
    stuck = (now.size == now.last_size) & (now.top_gain == now.last_gain)
    back = few | stuck
    now.last_size, now.last_gain = now.size, now.top_gain
    now.size = torch.where(back, now.size / 2, now.size)
    wide = each(back, now.point)
    now.point = torch.where(wide, now.top, now.point)
    now.gradient = torch.where(wide, now.top_gradient, now.gradient)
    now.gain = torch.where(back, now.top_gain, now.gain)
    now.risen = torch.zeros_like(now.risen)


def checked(steps: int, /) -> list[int]:
    """After which steps the way is looked back upon.

    >>> checked(100)[:4]
    [22, 41, 57, 70]
    """
    shares = [0.0, 0.22]
    while shares[-1] < 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06))
    # rounded before it is rounded up: 0.57 * 100 is 57 and not the next number above
    return [math.ceil(round(share * steps, 6)) for share in shares[1:] if share <= 1]


def _gain(loss: str, goal: Tensor) -> Gain:
    if loss == "targeted-dlr":
        return toward(goal)
    return dlr if loss == "dlr" else log_odds
