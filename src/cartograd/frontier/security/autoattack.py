"""AutoAttack: four attacks in turn, each on those examples that stand until then.

What one attack misses another finds: APGD by the cross-entropy, APGD by the targeted difference of
logits ratio, FAB and, without gradients, Square. No parameter is left to choose, so that defences
can be compared. An example counts as robust if it stands against all of them.

    robust(x) = 1 if APGD-CE, APGD-T, FAB-T and Square within eps all fail at x

Shapes: x and the result (b ...), y (b).

Departures: of l2, Square's changes are flat (see `square`); APGD goes up from one random start for
each of the goals and FAB from the input alone, as in the standard version.

References:
    Francesco Croce, Matthias Hein. Reliable evaluation of adversarial robustness with an ensemble
    of diverse parameter-free attacks. ICML 2020. https://arxiv.org/abs/2003.01690

>>> model = torch.nn.Linear(2, 2, bias=False)
>>> _ = model.weight.data.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
>>> x, y = torch.tensor([[0.7, 0.5], [0.9, 0.1]]), torch.tensor([0, 0])
>>> found = autoattack(model, x, y, eps=0.25, steps=10, queries=20, bounds=(0.0, 1.0))
>>> model(found).argmax(1)
tensor([1, 0])
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.frontier.inputs import looking
from cartograd.frontier.security.apgd import climb
from cartograd.frontier.security.ball import Ball, Norm
from cartograd.frontier.security.fab import fab
from cartograd.frontier.security.found import Best
from cartograd.frontier.security.gain import judge, valid
from cartograd.frontier.security.square import square

CARD = Card(
    name="autoattack",
    kind="attack",
    entry="autoattack",
    nodes=("attack/pgd", "attack/query"),
    title="AutoAttack",
    zh="AutoAttack 集成攻击",
    paper="Reliable evaluation of adversarial robustness with an ensemble of diverse "
    "parameter-free attacks",
    year=2020,
    url="https://arxiv.org/abs/2003.01690",
    proofs=(
        "law: what stands stands against the four alone; AutoAttack <= APGD <= PGD <= FGSM <= "
        "clean; within eps and within the bounds",
    ),
    tiny={"steps": 3, "queries": 20},
)


def autoattack(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    eps: float = 8 / 255,
    norm: Norm = "linf",
    steps: int = 100,
    queries: int = 5000,
    bounds: tuple[float, float] | None = None,
    seed: int = 0,
) -> Float[Tensor, "b ..."]:
    """Inputs within eps of x that the model gets wrong; else those that one attack came nearest by.

    Args:
        model: gives logits; its signature has the bounds of valid inputs.
        x: inputs in the units of the input port.
        y: the right classes.
        eps: radius of the ball, in the units of x.
        norm: `linf` (each number moves by at most eps) or `l2` (the whole change is at most eps).
        steps: of APGD and of FAB.
        queries: how often Square may ask about each example.
        bounds: smallest and largest valid number, for a model whose signature has none.
        seed: of all that is drawn.

    Raises:
        UsageError: no bounds, inputs outside of them, classes that the model does not have, or
            an unknown norm.
    """
    low, high = valid(model, x, y, bounds)
    generator = torch.Generator().manual_seed(seed)
    with looking(model, x):
        x, y = x.detach(), y.to(x.device).long()
        best, ball = Best(x), Ball(x, low, high, eps=eps, norm=norm)
        for rows in best.unfooled():
            best.note(x[rows], rows, judge(model, x[rows], y[rows]))
        for loss in ("ce", "targeted-dlr"):
            climb(best, model, y, ball, steps=steps, loss=loss, restarts=1, generator=generator)
        for rows in best.unfooled():
            near = fab(model, x[rows], y[rows], steps=steps, norm=norm, bounds=bounds)
            _add(best, model, near, y, rows, ball)
        for rows in best.unfooled():
            by_scores = square(
                model, x[rows], y[rows], eps=eps, queries=queries, norm=norm, bounds=bounds,
                seed=seed,
            )  # fmt: skip
            _add(best, model, by_scores, y, rows, ball)
    return best.point


def _add(best: Best, model: nn.Module, point: Tensor, y: Tensor, rows: Tensor, ball: Ball) -> None:
    """What fools the model within the ball: a change that is too long is shortened, and judged."""
    point = ball.of(rows).project(point)
    judged = judge(model, point, y[rows])
    fooled = judged.fooled.nonzero()[:, 0]
    best.point[rows[fooled]], best.fooled[rows[fooled]] = point[fooled], True
