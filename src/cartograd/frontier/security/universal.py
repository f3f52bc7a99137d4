"""A universal perturbation: one change that misleads a model on nearly any input.

The change is learned as a weight is: it follows the mean gradient over many inputs, each of which
counts no more once it is surely wrong, and is pulled back into the ball after each step. What was
learned on some inputs misleads on others, so it can be made in advance. In the second half of the
steps only inputs near the boundary count: a smooth form of the share that is misled is raised.

    d <- P(d + step_size * sign(mean_i dG_i/dd)),    x_i -> clip(x_i + d)
    G = min(CE(x_i + d, y_i), 9),  then  1 / (1 + exp(-2 L)),    L = log((1 - p) / p)

Shapes: x and the result (b ...), y (b); the change (...).

Departures: all inputs in each step, and of all steps the change that misleads most is kept. The
second half is ours, and so are steps that could cross the ball twice.

Measured: of 200 pictures, of which a LeNet-5 knows 87 and 86.5 %, 78 and 76 % are left right, and
of 800 others 79.5 and 77 of 84; by log-odds in place of both, each input that is right counting
alike however sure it is, it was 82.5 and 79, and 80.6 and 79.3.

References:
    Seyed-Mohsen Moosavi-Dezfooli, Alhussein Fawzi, Omar Fawzi, Pascal Frossard. Universal
    adversarial perturbations. CVPR 2017. https://arxiv.org/abs/1610.08401
    Ali Shafahi, Mahyar Najibi, Zheng Xu, John Dickerson, Larry Davis, Tom Goldstein. Universal
    adversarial training. AAAI 2020. https://arxiv.org/abs/1811.11304 (the learning)

>>> model = torch.nn.Linear(2, 2, bias=False)
>>> _ = model.weight.data.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
>>> x = torch.tensor([[0.7, 0.5], [0.9, 0.4]])
>>> change = universal_change(model, x, torch.tensor([0, 0]), eps=0.25, bounds=(0.0, 1.0))
>>> change
tensor([-0.2500,  0.2500])
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.frontier.inputs import looking, rows_at_once
from cartograd.frontier.security.ball import Ball, Norm
from cartograd.frontier.security.gain import ascent, log_odds, valid

CARD = Card(
    name="universal",
    kind="attack",
    entry="universal",
    nodes=("attack/transfer",),
    title="Universal adversarial perturbation",
    zh="通用对抗扰动",
    paper="Universal adversarial perturbations",
    year=2017,
    url="https://arxiv.org/abs/1610.08401",
    proofs=(
        "law: the same change for all, within eps and within the bounds; learned on some digits it "
        "misleads on others, far more than random signs; against a linear model of two classes "
        "it is the sign of the difference of the weights",
    ),
    tiny={"steps": 3},
)

SURE = 9.0
"""The loss from which on an input counts no more, as in the paper."""

LEAST = 1e-3
"""How much an input counts that the model is sure of, for a model that is sure of all."""


def universal(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    eps: float = 8 / 255,
    steps: int = 20,
    norm: Norm = "linf",
    bounds: tuple[float, float] | None = None,
) -> Float[Tensor, "b ..."]:
    """The inputs with the one change that was learned on them.

    Args:
        model: gives logits; its signature has the bounds of valid inputs.
        x: inputs in the units of the input port.
        y: the right classes.
        eps: radius of the ball, in the units of x.
        steps: steps of length 5 eps / steps.
        norm: `linf` (each number moves by at most eps) or `l2` (the whole change is at most eps).
        bounds: smallest and largest valid number, for a model whose signature has none.

    Raises:
        UsageError: no bounds, inputs outside of them, classes that the model does not have, or
            an unknown norm.
    """
    change = universal_change(model, x, y, eps=eps, steps=steps, norm=norm, bounds=bounds)
    low, high = valid(model, x, y, bounds)
    return Ball(x.detach(), low, high, eps=eps, norm=norm).project(x.detach() + change)


def universal_change(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    eps: float = 8 / 255,
    steps: int = 20,
    norm: Norm = "linf",
    bounds: tuple[float, float] | None = None,
) -> Float[Tensor, "..."]:
    """The change itself, to be added to other inputs."""
    low, high = valid(model, x, y, bounds)
    y = y.to(x.device).long()
    with looking(model, x):
        x = x.detach()
        balls = Ball(x, low, high, eps=eps, norm=norm)
        nothing = torch.zeros_like(x[:1])
        free = torch.full_like(nothing, torch.inf)
        around = Ball(nothing, -free, free, eps=eps, norm=norm)
        change, best, most = nothing, nothing, 0
        for step in range(steps + 1):
            by = _loss if 2 * step < steps else _share
            total, fooled = torch.zeros_like(nothing), 0
            for rows in torch.arange(len(x), device=x.device).split(rows_at_once(x)):
                point = balls.of(rows).project(x[rows] + change)
                gradient, judged = ascent(model, point, y[rows], by=by)
                total += gradient.sum(0, keepdim=True)
                fooled += int(judged.fooled.sum())
            if fooled >= most:
                best, most = change, fooled
            change = around.project(change + 5 * eps / steps * around.direction(total))
    return best[0]


def _loss(outputs: Tensor, y: Tensor, /) -> Tensor:
    """The cross-entropy, with a little slope left where p rounds to 1."""
    odds = log_odds(outputs, y)
    return (F.softplus(odds) + LEAST * odds).clamp(max=SURE)


def _share(outputs: Tensor, y: Tensor, /) -> Tensor:
    return (2 * log_odds(outputs, y)).sigmoid()
