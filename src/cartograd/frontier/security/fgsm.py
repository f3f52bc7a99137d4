"""FGSM: one step of size eps for every number, each in the direction that raises the loss.

Seen from close by a network is nearly linear, and a linear function of many numbers moves far
when each of them moves a little in the right direction: the change is hardly visible, the
answer is another.

    x_adv = clip(x + eps * sign(dL/dx)),    minus for a wanted class y

Shapes: x and the result (b ...), y (b).

Departures: L is the log-odds against y, whose gradient has the sign of the cross-entropy's and
does not vanish where the model is sure. eps and the clipping are in the units of the input port
(pixels, not standardised ones).

References:
    Ian Goodfellow, Jonathon Shlens, Christian Szegedy. Explaining and harnessing adversarial
    examples. ICLR 2015. https://arxiv.org/abs/1412.6572

>>> model = torch.nn.Linear(2, 2, bias=False)
>>> _ = model.weight.data.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
>>> fgsm(model, torch.tensor([[0.75, 0.5]]), torch.tensor([0]), eps=0.25, bounds=(0.0, 1.0))
tensor([[0.5000, 0.7500]])
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.frontier.inputs import looking, rows_at_once
from cartograd.frontier.security.ball import Ball
from cartograd.frontier.security.gain import ascent, valid

CARD = Card(
    name="fgsm",
    kind="attack",
    entry="fgsm",
    nodes=("attack/fgsm",),
    title="Fast gradient sign method",
    zh="快速梯度符号法",
    paper="Explaining and harnessing adversarial examples",
    year=2015,
    url="https://arxiv.org/abs/1412.6572",
    proofs=(
        "oracle: foolbox.attacks.FGSM, to 1e-10 in float64",
        "law: within eps and within the bounds; on a linear model the margin falls by eps times "
        "the sum of the weights' sizes",
    ),
    evidence={"attack/fgsm": ("test_within_eps_and_within_the_bounds", "test_foolbox")},
)


def fgsm(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    eps: float = 8 / 255,
    targeted: bool = False,
    bounds: tuple[float, float] | None = None,
) -> Float[Tensor, "b ..."]:
    """The inputs after one step of size eps against the model.

    Args:
        model: gives logits; its signature has the bounds of valid inputs.
        x: inputs in the units of the input port.
        y: the right classes, or the wanted ones if `targeted`.
        eps: size of the step, in the units of x.
        targeted: reach the classes y instead of leaving them.
        bounds: smallest and largest valid number, for a model whose signature has none.

    Raises:
        UsageError: no bounds, inputs outside of them, or classes that the model does not have.
    """
    low, high = valid(model, x, y, bounds)
    parts, y = [], y.to(x.device).long()
    with looking(model, x):
        x = x.detach()
        ball = Ball(x, low, high, eps=eps, norm="linf")
        for rows in torch.arange(len(x), device=x.device).split(rows_at_once(x)):
            gradient, _ = ascent(model, x[rows], y[rows], targeted=targeted)
            parts.append(ball.of(rows).project(x[rows] + eps * gradient.sign()))
    return torch.cat(parts)
