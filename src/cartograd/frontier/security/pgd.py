"""PGD: many small steps up the loss, each pulled back into the ball around the input.

Each step follows the gradient, as FGSM does, but only a little way; then the point is projected
back to within eps of the input and to valid values. It is the strongest attack that uses the
gradient only, so robustness is measured by it.

    x_(t+1) = clip(P(x_t + step_size * direction(dL/dx)))
    linf: direction(g) = sign(g),   P clips each number to within eps of x
    l2:   direction(g) = g / |g|,   P shortens x_t - x to length eps

Shapes: x and the result (b ...), y (b).

Departures: the best point is kept, not the last: a wrong answer is final (that example costs
nothing from then on), and otherwise the point of the highest loss counts. So more steps or
starts never help the model. An example that the model gets wrong already is returned unchanged.
L is the log-odds against y, whose gradient has the direction of the cross-entropy's and does not
vanish where the model is sure. The units are those of the input port (pixels, not standardised
ones); of a table only numbers move, neither categories nor dates.

References:
    Aleksander Madry, Aleksandar Makelov, Ludwig Schmidt, Dimitris Tsipras, Adrian Vladu. Towards
    deep learning models resistant to adversarial attacks. ICLR 2018.
    https://arxiv.org/abs/1706.06083

>>> model = torch.nn.Linear(2, 2, bias=False)
>>> _ = model.weight.data.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
>>> x, y = torch.tensor([[0.7, 0.5], [0.9, 0.1]]), torch.tensor([0, 0])
>>> pgd(model, x, y, eps=0.25, step_size=0.125, restarts=0, bounds=(0.0, 1.0))
tensor([[0.5750, 0.6250],
        [0.6500, 0.3500]])
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.frontier.inputs import looking
from cartograd.frontier.security.ball import Ball, Norm
from cartograd.frontier.security.found import Best
from cartograd.frontier.security.gain import Judged, ascent, judge, valid

CARD = Card(
    name="pgd",
    kind="attack",
    entry="pgd",
    nodes=("attack/pgd",),
    title="Projected gradient descent",
    zh="投影梯度下降攻击",
    paper="Towards deep learning models resistant to adversarial attacks",
    year=2018,
    url="https://arxiv.org/abs/1706.06083",
    proofs=(
        "oracle: foolbox's LinfPGD and L2PGD from the same start, step by step, to 1e-10 in "
        "float64",
        "law: within eps and within the bounds; eps=0 changes nothing; robust accuracy does not "
        "rise with eps, steps or starts; one step is FGSM",
    ),
    evidence={"attack/pgd": ("test_at_least_as_strong_as_fgsm", "test_foolbox_step_by_step")},
    tiny={"steps": 2},
    renamed={"step": "step_size", "starts": "restarts"},
)


def pgd(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    eps: float = 8 / 255,
    step_size: float | None = None,
    steps: int = 10,
    norm: Norm = "linf",
    restarts: int = 1,
    targeted: bool = False,
    bounds: tuple[float, float] | None = None,
    seed: int = 0,
) -> Float[Tensor, "b ..."]:
    """Inputs within eps of x that the model gets wrong, or comes nearest to getting wrong.

    The model is left as it is: its modes, its gradients, its requires_grad flags.

    Args:
        model: gives logits; its signature has the bounds of valid inputs.
        x: inputs in the units of the input port.
        y: the right classes, or the wanted ones if `targeted`.
        eps: radius of the ball, in the units of x.
        step_size: length of a step; by default 2.5 eps / steps, enough to cross the ball.
        steps: steps from each start.
        norm: `linf` (each number moves by at most eps) or `l2` (the whole change is at most eps).
        restarts: random points to start from; 0 starts once, from x itself.
        targeted: reach the classes y instead of leaving them.
        bounds: smallest and largest valid number, for a model whose signature has none.
        seed: of the random starts.

    Raises:
        UsageError: no bounds, inputs outside of them, classes that the model does not have, or
            an unknown norm.
    """
    low, high = valid(model, x, y, bounds)
    length = 2.5 * eps / steps if step_size is None else step_size
    generator = torch.Generator().manual_seed(seed)
    with looking(model, x):
        x, y = x.detach(), y.to(x.device).long()
        best, ball = Best(x), Ball(x, low, high, eps=eps, norm=norm)

        def look(point: Tensor, own: Tensor) -> tuple[Tensor, Judged]:
            return ascent(model, point, own, targeted=targeted)

        if restarts:
            for rows in best.unfooled():
                best.note(x[rows], rows, judge(model, x[rows], y[rows], targeted=targeted))
        for _ in range(max(1, restarts)):
            begin = ball.drawn(generator) if restarts else x
            for rows in best.unfooled():
                point, rows = _climb(best, begin[rows], ball, y[rows], rows, steps, length, look)
                if len(rows):
                    best.note(point, rows, judge(model, point, y[rows], targeted=targeted))
    return best.point


def _climb(
    best: Best,
    point: Tensor,
    balls: Ball,
    y: Tensor,
    rows: Tensor,
    steps: int,
    length: float,
    look: Callable[[Tensor, Tensor], tuple[Tensor, Judged]],
) -> tuple[Tensor, Tensor]:
    """Where the steps lead those examples that none of them fools, and the numbers of these."""
    ball = balls.of(rows)
    for _ in range(steps):
        gradient, judged = look(point, y)
        best.note(point, rows, judged)
        if judged.fooled.any():
            left = (~judged.fooled).nonzero()[:, 0]
            point, ball, gradient = point[left], ball.of(left), gradient[left]
            y, rows = y[left], rows[left]
            if not len(rows):
                break
        point = ball.project(point + length * ball.direction(gradient))
    return point, rows
