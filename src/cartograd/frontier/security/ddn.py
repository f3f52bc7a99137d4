"""DDN: the shortest change that turns an answer, by decoupling its direction from its length.

Instead of weighing the length of the change against the loss, as Carlini and Wagner do, the change
follows the gradient and is then brought to a length that is told: a little shorter than before
where the model is fooled, a little longer where it is not. So it soon walks along the boundary.

    change = change + a_k g / |g|,        a_k from 1 to 0.01 by a cosine
    length = length (1 - gamma) if fooled, else length (1 + gamma)
    x_(k+1) = clip(x + length * change / |change|)

Shapes: x and the result (b ...), y (b).

Departures: the numbers are not rounded to levels. Lengths of steps, and the first length of 1, are
in units of the width of the bounds. An example that the model gets wrong already, or that no
change was found for, is returned unchanged.

References:
    Jérôme Rony, Luiz Hafemann, Luiz Oliveira, Ismail Ben Ayed, Robert Sabourin, Eric Granger.
    Decoupling direction and norm for efficient gradient-based L2 adversarial attacks and defenses.
    CVPR 2019. https://arxiv.org/abs/1811.09600

>>> model = torch.nn.Linear(2, 2, bias=False)
>>> _ = model.weight.data.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
>>> x = torch.tensor([[0.7, 0.5]])  # 0.1414 from the boundary
>>> (ddn(model, x, torch.tensor([0]), bounds=(0.0, 1.0)) - x).norm() < 0.1425
tensor(True)
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.frontier.inputs import looking
from cartograd.frontier.security.ball import direction, each, sizes
from cartograd.frontier.security.found import Nearest
from cartograd.frontier.security.gain import ascent, judge, valid

CARD = Card(
    name="ddn",
    kind="attack",
    entry="ddn",
    nodes=("attack/cw",),
    title="Decoupled direction and norm",
    zh="方向与范数解耦攻击",
    paper="Decoupling direction and norm for efficient gradient-based L2 adversarial attacks and "
    "defenses",
    year=2019,
    url="https://arxiv.org/abs/1811.09600",
    proofs=(
        "oracle: foolbox.attacks.DDNAttack, to 1e-10 in float64",
        "law: on a linear model the change is as long as the way to the boundary, to 1 %; about as "
        "short as Carlini and Wagner's with nine times as many gradients",
    ),
    tiny={"steps": 8},
)


def ddn(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    steps: int = 100,
    gamma: float = 0.05,
    targeted: bool = False,
    bounds: tuple[float, float] | None = None,
) -> Float[Tensor, "b ..."]:
    """The nearest inputs found that the model gets wrong, by the Euclidean distance.

    Args:
        model: gives logits; its signature has the bounds of valid inputs.
        x: inputs in the units of the input port.
        y: the right classes, or the wanted ones if `targeted`.
        steps: how many steps.
        gamma: share by which the length changes at each step.
        targeted: reach the classes y instead of leaving them.
        bounds: smallest and largest valid number, for a model whose signature has none.

    Raises:
        UsageError: no bounds, inputs outside of them, or classes that the model does not have.
    """
    low, high = valid(model, x, y, bounds)
    with looking(model, x):
        x, y = x.detach(), y.to(x.device).long()
        nearest, width = Nearest(x, "l2"), float((high - low).max())
        for rows in nearest.left():
            centre, own, ends = x[rows], y[rows], (low[rows], high[rows])
            farthest = sizes(torch.maximum(centre - ends[0], ends[1] - centre), "l2")
            change, length = torch.zeros_like(centre), torch.full_like(farthest, width)
            for step in range(steps):
                point = centre + change
                gradient, judged = ascent(model, point, own, targeted=targeted)
                nearest.note(point, rows, judged.fooled)
                size = width * (0.01 + 0.99 * (1 + math.cos(math.pi * step / steps)) / 2)
                change = change + size * direction(_inward(gradient, ends), "l2")
                length = length * torch.where(judged.fooled, 1 - gamma, 1 + gamma)
                length = torch.minimum(length, farthest)
                change = each(length, change) * direction(change, "l2")
                change = torch.minimum(torch.maximum(centre + change, ends[0]), ends[1]) - centre
            point = centre + change
            nearest.note(point, rows, judge(model, point, own, targeted=targeted).fooled)
    return nearest.point


def _inward(gradient: Tensor, ends: tuple[Tensor, Tensor]) -> Tensor:
    """The gradient without the numbers that cannot move."""
    return gradient * (ends[1] > ends[0])
