"""MI-FGSM: steps with momentum, for changes that mislead other models, too.

Steps that follow each gradient fit the one model they are made for. Gradients that are added up
on the way smooth its peculiarities out, and what is left misleads models that have learned the
same. All steps are made, also once the model at hand is fooled: a change that just suffices here
would not there.

    g_(k+1) = momentum g_k + gradient / |gradient|_1
    x_(k+1) = P(x_k + eps / steps * direction(g_(k+1)))

Shapes: x and the result (b ...), y (b).

Departures: in the units of the input port. `gradient / |gradient|_1` is that of the cross-entropy,
whatever its size, and there also where the model is sure.

References:
    Yinpeng Dong, Fangzhou Liao, Tianyu Pang, Hang Su, Jun Zhu, Xiaolin Hu, Jianguo Li. Boosting
    adversarial attacks with momentum. CVPR 2018. https://arxiv.org/abs/1710.06081

>>> model = torch.nn.Linear(2, 2, bias=False)
>>> _ = model.weight.data.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
>>> mi_fgsm(model, torch.tensor([[0.7, 0.5]]), torch.tensor([0]), eps=0.25, bounds=(0.0, 1.0))
tensor([[0.4500, 0.7500]])
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.frontier.inputs import looking, rows_at_once
from cartograd.frontier.security.ball import Ball, Norm, each
from cartograd.frontier.security.gain import ascent, valid

CARD = Card(
    name="mi-fgsm",
    kind="attack",
    entry="mi_fgsm",
    nodes=("attack/transfer",),
    title="Momentum iterative fast gradient sign method",
    zh="动量迭代快速梯度符号法",
    paper="Boosting adversarial attacks with momentum",
    year=2018,
    url="https://arxiv.org/abs/1710.06081",
    proofs=(
        "oracle: without momentum foolbox.attacks.LinfBasicIterativeAttack, to 1e-10 in float64",
        "law: its momentum as the paper writes it, step by step; what is made for a "
        "convolutional network misleads a perceptron: more than random signs do, less than what "
        "is made for it",
    ),
    tiny={"steps": 3},
    evidence={
        "attack/transfer": (
            "test_changes_made_for_one_model_mislead_another",
            "test_what_misleads_several_together_misleads_another_more",
        ),
    },
)


def mi_fgsm(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    eps: float = 8 / 255,
    steps: int = 10,
    norm: Norm = "linf",
    momentum: float = 1.0,
    targeted: bool = False,
    bounds: tuple[float, float] | None = None,
) -> Float[Tensor, "b ..."]:
    """Inputs within eps of x, as wrong as the steps make them.

    Args:
        model: gives logits; its signature has the bounds of valid inputs.
        x: inputs in the units of the input port.
        y: the right classes, or the wanted ones if `targeted`.
        eps: radius of the ball, in the units of x.
        steps: steps of length eps / steps.
        norm: `linf` (each number moves by at most eps) or `l2` (the whole change is at most eps).
        momentum: how much of the gradients before counts.
        targeted: reach the classes y instead of leaving them.
        bounds: smallest and largest valid number, for a model whose signature has none.

    Raises:
        UsageError: no bounds, inputs outside of them, classes that the model does not have, or
            an unknown norm.
    """
    low, high = valid(model, x, y, bounds)
    parts, y = [], y.to(x.device).long()
    with looking(model, x):
        x = x.detach()
        balls = Ball(x, low, high, eps=eps, norm=norm)
        for rows in torch.arange(len(x), device=x.device).split(rows_at_once(x)):
            ball, point = balls.of(rows), x[rows]
            total = torch.zeros_like(point)
            for _ in range(steps):
                gradient, _ = ascent(model, point, y[rows], targeted=targeted)
                whole = gradient.flatten(1).abs().sum(1)
                whole = whole.clamp(min=torch.finfo(whole.dtype).tiny)
                total = momentum * total + gradient / each(whole, gradient)
                point = ball.project(point + eps / steps * ball.direction(total))
            parts.append(point)
    return torch.cat(parts)
