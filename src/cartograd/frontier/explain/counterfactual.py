"""Counterfactual: the least change with which the answer would have been another.

"Had this been so, the answer would be that." The change is sought with as small a sum of sizes as
it can have, which leaves most numbers alone: each step goes down the gap between the wanted answer
and the others, then shrinks all numbers of the change by as much. Once the answer has turned only
the shrinking is left, so the search hovers at the boundary; the smallest change that turned it is
kept. Where none has, more numbers may take part.

    min |d|_1  with  f_t(x + d) > f_j(x + d) for all other j,   low <= x + d <= high
    d <- shrink(d - r w g / max|g|, r),    g = the gap's gradient, 0 where it is closed

Shapes: x and the change (b ...), the same.

Departures: the weight w of Wachter's two terms is doubled for each example until its answer turns;
inputs stay within the bounds of the port.

References:
    Sandra Wachter, Brent Mittelstadt, Chris Russell. Counterfactual explanations without opening
    the black box. Harvard Journal of Law & Technology 31, 2018. https://arxiv.org/abs/1711.00399

>>> model, x = torch.nn.Linear(3, 2), torch.tensor([[1.0, 2.0, -1.0]])
>>> own = model(x).argmax(1)
>>> changed = x + counterfactual(model, x, target=1 - own)
>>> bool(model(changed).argmax(1) == 1 - own)
True
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.signed import signature_if_any, statistics
from cartograd.frontier.explain.baselines import targets_of
from cartograd.frontier.inputs import answers, chosen, looking, rows_at_once, slope

CARD = Card(
    name="counterfactual",
    kind="explainer",
    entry="counterfactual",
    nodes=("xai/evaluation",),
    title="Counterfactual",
    zh="反事实解释",
    paper="Counterfactual explanations without opening the black box",
    year=2018,
    url="https://arxiv.org/abs/1711.00399",
    proofs=(
        "law: a linear model costs at most a tenth more than by the number that turns it cheapest",
        "law: of digits every answer turns to the class that was asked for, within the bounds",
    ),
    tiny={"steps": 40},
)

ROUNDS = 8
"""How often the weight is doubled."""

RATE = 0.02
"""Of a step, as a share of the range of inputs, or in their standard deviations."""


def counterfactual(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"] | int | None = None,
    steps: int = 400,
) -> Float[Tensor, "b ..."]:
    """What has to be added to each number for another answer.

    Args:
        model: a classifier.
        x: inputs in the units of the input port.
        target: the answer that is wanted, one for all or one each; where it is the model's own (as
            by default), any other.
        steps: of the search.

    Raises:
        UsageError: inputs without gradient, a model that does not choose among answers, or no
            change that turns one.
    """
    rows, parts = rows_at_once(x), []
    signature = signature_if_any(model)
    port = signature.input if signature else None
    low, high = port.bounds if port and port.bounds else (-torch.inf, torch.inf)
    unit = torch.tensor(high - low)
    if unit.isinf():
        unit = statistics(port)[1] if port else torch.ones(1)
    with looking(model, x):
        own = targets_of(model, x, None, rows)
        wanted = own if target is None else targets_of(model, x, target, rows)
        each = (one.split(rows) for one in (x.detach(), wanted, own))
        for part, aim, said in zip(*each, strict=True):
            rate = RATE * unit.to(part)
            parts.append(_sought(model, part, aim, aim == said, rate, (low, high), steps))
    return torch.cat(parts)


def gap(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    aim: Int[Tensor, " b"],
    leave: Bool[Tensor, " b"],
    /,
) -> Float[Tensor, " b"]:
    """By how much the answer is not yet what it should be; below 0 it is.

    Args:
        model: a classifier.
        x: inputs.
        aim: a class of each.
        leave: whether the answer should be any other, not this.

    Raises:
        UsageError: the model has one output alone.
    """
    outputs = answers(model, x)
    if outputs.shape[1] < 2:
        raise UsageError(
            "a counterfactual is of another class, and this model answers with one number; take "
            "integrated_gradients or exact-shap"
        )
    others = outputs.scatter(1, aim[:, None], -torch.inf).amax(1)
    return torch.where(leave, 1, -1) * (chosen(outputs, aim) - others)


def _sought(
    model: nn.Module,
    x: Tensor,
    aim: Tensor,
    leave: Tensor,
    rate: Tensor,
    bounds: tuple[float, float],
    steps: int,
) -> Tensor:
    change, best = torch.zeros_like(x), torch.zeros_like(x)
    least = torch.full((len(x),), torch.inf, dtype=x.dtype, device=x.device)
    weight = torch.full_like(least, 1.5)
    each = (-1, *[1] * (x.ndim - 1))
    for step in range(steps + 1):
        point = (x + change).requires_grad_()
        left = gap(model, point, aim, leave)
        gradient = slope(left.sum(), point)
        size = change.abs().flatten(1).sum(1)
        better = (left.detach() < 0) & (size < least)
        least = torch.where(better, size, least)
        best = torch.where(better.reshape(each), change, best)
        if step and step % max(1, steps // ROUNDS) == 0:
            weight = torch.where(least.isinf(), 2 * weight, weight)
        steep = gradient / gradient.flatten(1).abs().amax(1).clamp_min(1e-30).reshape(each)
        force = (weight * (left.detach() >= 0)).reshape(each)
        change = change - rate * force * steep
        change = change.sign() * (change.abs() - rate).clamp_min(0)
        change = (x + change).clamp(*bounds) - x
    if least.isinf().any():
        raise UsageError(
            f"{int(least.isinf().sum())} of {len(x)} answers do not turn within {steps} steps and "
            "the bounds of the inputs; give more steps=, or another target"
        )
    return best
