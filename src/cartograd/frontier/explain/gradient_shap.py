"""Gradient SHAP: Shapley values by expected gradients, over backgrounds and the ways from them.

Integrated gradients follow the gradient from one baseline; which one, changes the answer. Here the
baseline is drawn from backgrounds, and a point on the way from it to the input as well. The mean of
gradient times way is an estimate of the Shapley values of a model that is nearly additive, at the
price of gradients alone.

    phi_j(x) = E over x', a of  (x_j - x'_j) df(x' + a (x - x')) / dx_j,    a uniform in [0, 1]

Shapes: x and the attribution (b ...), the same; backgrounds (m ...).

Departures: points are spread evenly, one in each of as many equal pieces of [0, 1], and all
backgrounds come equally often, which halves the error of free draws.

References:
    Gabriel Erion, Joseph D. Janizek, Pascal Sturmfels, Scott M. Lundberg, Su-In Lee. Improving
    performance of deep learning models with axiomatic attribution priors and expected gradients.
    Nature Machine Intelligence 3, 2021. https://arxiv.org/abs/1906.10670

>>> model, x = torch.nn.Linear(3, 2), torch.tensor([[1.0, 2.0, -1.0]])
>>> torch.allclose(gradient_shap(model, x, target=1, draws=4), x * model.weight[1])
True
"""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.frontier.explain.baselines import Baseline, start_of, targets_of
from cartograd.frontier.explain.within import within
from cartograd.frontier.inputs import answers, chosen, looking, rows_at_once, slope

CARD = Card(
    name="gradient-shap",
    kind="explainer",
    entry="gradient_shap",
    nodes=("xai/shap",),
    title="Gradient SHAP (expected gradients)",
    zh="梯度 SHAP（期望梯度）",
    paper="Improving performance of deep learning models with axiomatic attribution priors and "
    "expected gradients",
    year=2021,
    url="https://arxiv.org/abs/1906.10670",
    proofs=(
        "oracle: captum.attr.GradientShap without noise, within Monte Carlo error",
        "law: it tends to integrated gradients' mean over the backgrounds, and of a quadratic "
        "function to the exact Shapley values",
        "law: of a linear model the exact Shapley values with any number of draws",
    ),
    tiny={"draws": 4},
)


def gradient_shap(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"] | int | None = None,
    draws: int = 128,
    baseline: Baseline = "low",
    seed: int = 0,
) -> Float[Tensor, "b ..."]:
    """The mean of gradient times way over draws of a background and a point.

    Args:
        model: with a signature, or any module if the baseline does not need one.
        x: inputs in the units of the input port, or tokens.
        target: which output to explain, one for all or one each; by default the highest.
        draws: points, each on the way from one of the backgrounds; the same for all inputs.
        baseline: `low`, `mean`, a number, one input, or several backgrounds, as many rows of the
            inputs' shape. Of tokens as of `integrated_gradients`.
        seed: of points and of the order of backgrounds.

    Raises:
        UsageError: inputs without gradient, no draws, an output that the model does not have, or a
            baseline that does not fit.
    """
    if draws < 1:
        raise UsageError(f"gradient-shap has draws={draws}; expected at least 1")
    if seen := within(model, x):
        grounds = seen.start(x, baseline)[None]
        return seen.told(_mean(seen, seen.vectors(x), grounds, target, draws, seed))
    if isinstance(baseline, Tensor) and baseline.ndim == x.ndim:
        grounds = baseline.detach().to(x)
    else:
        grounds = start_of(model, x[:1], baseline)
    if grounds.shape[1:] != x.shape[1:] or not len(grounds):
        raise UsageError(
            f"the backgrounds are of shape {tuple(grounds.shape)}, the inputs of {tuple(x.shape)}; "
            "expected rows of the inputs' shape"
        )
    own_each = grounds[:, None].expand(-1, len(x), *[-1] * (x.ndim - 1))
    return _mean(model, x, own_each, target, draws, seed)


def _mean(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    grounds: Float[Tensor, "m b ..."],
    target: Int[Tensor, " b"] | int | None,
    draws: int,
    seed: int,
) -> Float[Tensor, "b ..."]:
    """The mean of gradient times way, as many rows at a time as are fast."""
    which, place = points(draws, len(grounds), seed=seed)
    rows, parts = rows_at_once(x), []
    with looking(model, x):
        targets = targets_of(model, x, target, rows)
        each = zip(*(one.split(rows) for one in (x.detach(), targets)), strict=True)
        for (part, own), origins in zip(each, grounds.split(rows, dim=1), strict=True):
            total, some = torch.zeros_like(part), max(1, rows // len(part))
            for ground, a in zip(which.split(some), place.split(some), strict=True):
                way = part - origins[ground]
                at = origins[ground] + a.to(x).reshape(-1, *[1] * part.ndim) * way
                at = at.flatten(0, 1).requires_grad_()
                found = chosen(answers(model, at), own.repeat(len(a)))
                slopes = slope(found.sum(), at).unflatten(0, (len(a), -1))
                total += (slopes * way).sum(0) / draws
            parts.append(total)
    return torch.cat(parts)


def points(
    draws: int, grounds: int, /, *, seed: int
) -> tuple[Int[Tensor, " n"], Float[Tensor, " n"]]:
    """Which background each draw starts from, and where on the way it looks, in [0, 1].

    >>> which, place = points(6, 3, seed=0)
    >>> which.sort().values.tolist(), (place.sort().values * 6).floor().tolist()
    ([0, 0, 1, 1, 2, 2], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(grounds, generator=generator)
    which = order.repeat(-(-draws // grounds))[:draws]
    within = torch.rand(draws, generator=generator, dtype=torch.float64)
    pieces = torch.randperm(draws, generator=generator)
    return which, (pieces + within) / draws
