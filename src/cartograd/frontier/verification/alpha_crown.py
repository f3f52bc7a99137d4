"""Alpha-CROWN: CROWN with the lines below ReLUs chosen for the bound that is asked.

Where a ReLU may be on either side of zero, any line through zero of slope alpha from 0 to 1 lies
below it. CROWN takes 0 or 1; here each sum has its own slopes, which gradient ascent on the bound
itself finds. Each step gives a bound that holds, and the best is kept.

    max over 0 <= alpha <= 1 of  min over the box of  A(alpha) x + a(alpha)

Shapes: x (b ...), y (b).

Departures: intervals of what goes into the curves are those of CROWN and stay; the authors optimise
slopes of these, too.

References:
    Kaidi Xu, Huan Zhang, Shiqi Wang, Yihan Wang, Suman Jana, Xue Lin, Cho-Jui Hsieh. Fast and
    complete: enabling complete verification with massively parallel incomplete verifiers. ICLR
    2021. https://arxiv.org/abs/2011.13824

>>> model = torch.nn.Linear(1, 2, bias=False)
>>> _ = model.weight.data.copy_(torch.tensor([[1.0], [-1.0]]))
>>> x, y = torch.tensor([[0.5]]), torch.tensor([0])
>>> [round(alpha_crown(model, x, y, eps=0.25, bounds=(0.0, 1.0)).size.item(), 3)]
[0.5]
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.certificate import Certificate
from cartograd.frontier.security.ball import Norm
from cartograd.frontier.verification.bounds import Bound, Enclosure, backward, enclose
from cartograd.frontier.verification.certified import certified
from cartograd.frontier.verification.ibp import by_intervals
from cartograd.frontier.verification.network import Network
from cartograd.frontier.verification.rules import Box, Ramp

CARD = Card(
    name="alpha-crown",
    kind="verifier",
    entry="alpha_crown",
    nodes=("verify/bounds",),
    title="Alpha-CROWN",
    zh="α-CROWN 优化松弛界",
    paper="Fast and complete: enabling complete verification with massively parallel incomplete "
    "verifiers",
    year=2021,
    url="https://arxiv.org/abs/2011.13824",
    proofs=(
        "law: no input of the box does worse than the bound; it is at least CROWN's, and better on "
        "a deep network",
    ),
    tiny={"eps": 0.01, "steps": 2},
)


def alpha_crown(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    eps: float = 8 / 255,
    steps: int = 20,
    lr: float = 0.1,
    bounds: tuple[float, float] | None = None,
    norm: Norm = "linf",
) -> Certificate:
    """What the best lines prove of all inputs within eps of each example.

    Args:
        model: gives logits; its signature has the bounds of valid inputs.
        x: inputs in the units of the input port.
        y: the right classes.
        eps: by how much each number may change, or by `l2` all together, in the units of x; of
            texts, of their tokens' vectors.
        steps: of Adam, on the slopes.
        lr: of these steps.
        bounds: smallest and largest valid number, for a model whose signature has none.
        norm: `linf` or `l2`.

    Raises:
        UsageError: as `certified`.
    """

    def by_best_lines(network: Network, box: Box, weights: Tensor, /) -> Tensor:
        found = enclose(network, box)
        lower = ascend(found, weights, steps=steps, lr=lr).lower
        return torch.maximum(lower, by_intervals(network, box, weights))

    return certified(model, x, y, by_best_lines, eps=eps, bounds=bounds, norm=norm)


def ascend(
    found: Enclosure,
    weights: Float[Tensor, "b s k"],
    /,
    *,
    steps: int,
    lr: float,
    assumed: Mapping[int, Int[Tensor, "b ..."]] | None = None,
) -> Bound:
    """The best lower bounds on the way of so many steps, with what they are made of in the end.

    Args:
        found: boxes of what goes into the curves.
        weights: of the sums.
        steps: how many.
        lr: length of the steps.
        assumed: by node, 1 where what goes into a ReLU is taken to be above zero, -1 below, 0 for
            either. Such an assumption s z >= 0 adds -beta s z for any beta >= 0 (Lagrange), which
            is ascended, too.
    """
    with torch.no_grad():
        plain = backward(found, weights)
    slopes = _slopes(found, plain)
    betas = {
        number: torch.zeros_like(slopes[number]) for number, sides in (assumed or {}).items()
        if bool(sides.any())
    }  # fmt: skip
    held = [*slopes.values(), *betas.values()]
    if not steps or not any(one.numel() for one in held):
        return plain
    with torch.enable_grad():
        for one in held:
            one.requires_grad_()
        adam = torch.optim.Adam(held, lr=lr)
        best, bound = plain.lower, plain
        for step in range(steps + 1):
            signed = {n: -beta * (assumed or {})[n][:, None] for n, beta in betas.items()}
            bound = backward(found, weights, slopes=slopes, multipliers=signed)
            best = torch.maximum(best, bound.lower.detach())
            if step == steps:
                break
            gradients = torch.autograd.grad(-bound.lower.sum(), held, allow_unused=True)
            for one, gradient in zip(held, gradients, strict=True):
                one.grad = gradient
            adam.step()
            with torch.no_grad():
                for number, slope in slopes.items():
                    rule = found.network.nodes[number].rule
                    assert isinstance(rule, Ramp)
                    slope.clamp_(rule.negative, 1.0)
                for beta in betas.values():
                    beta.clamp_(min=0.0)
    curves = {number: one.detach() for number, one in bound.curves.items()}
    return Bound(best, bound.weights.detach(), bound.constant.detach(), curves)


def _slopes(found: Enclosure, plain: Bound) -> dict[int, Tensor]:
    """CROWN's slopes of the lines below ReLUs, one for each sum."""
    slopes = {}
    for number, weights in plain.curves.items():
        node = found.network.nodes[number]
        if isinstance(node.rule, Ramp):
            lines = node.rule.lines(found.boxes[node.inputs[0]])
            slope = lines.lower_slope[:, None].clamp(node.rule.negative, 1.0)
            slopes[number] = slope.expand_as(weights).clone()
    return slopes
