"""Layer-wise relevance propagation: an output shared out among the inputs, layer by layer.

Each layer hands the relevance of its outputs to its inputs in the shares in which they made them,
so that (but for what biases take) the whole is kept. How shares are counted is the layer's rule:

    R_j = sum_k  x_j rho(w_jk) / (z_k + stabiliser)  R_k,      z_k = sum_j x_j rho(w_jk) + rho(b_k)
    epsilon     rho(w) = w,                 stabiliser epsilon * sign(z): small shares fade
    gamma       rho(w) = w + gamma max(w, 0): what speaks for an output counts more
    alpha1beta0 only what speaks for it: positive products x w alone

Relevance over height is passed back like a gradient, so that everything between these layers
(ReLUs, pooling, sums) needs no rule: R = x * (what comes back).

Shapes: x and the attribution (b ...), the same; f is one output of the model.

Departures: pictures are handed on by the same rule down to the first layer.

References:
    Sebastian Bach, Alexander Binder, Gregoire Montavon, Frederick Klauschen, Klaus-Robert Mueller,
    Wojciech Samek. On pixel-wise explanations for non-linear classifier decisions by layer-wise
    relevance propagation. PLOS ONE 2015. https://doi.org/10.1371/journal.pone.0130140
    Gregoire Montavon, Alexander Binder, Sebastian Lapuschkin, Wojciech Samek, Klaus-Robert Mueller.
    Layer-wise relevance propagation: an overview. 2019 (the rule gamma).
    https://doi.org/10.1007/978-3-030-28954-6_10

>>> first, last = torch.nn.Linear(3, 4, bias=False), torch.nn.Linear(4, 2, bias=False)
>>> model, x = torch.nn.Sequential(first, torch.nn.ReLU(), last), torch.rand(5, 3)
>>> torch.allclose(lrp(model, x, target=1).sum(1), model(x)[:, 1], atol=1e-4)
True
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.frontier.explain.baselines import targets_of
from cartograd.frontier.explain.rectified import check_met
from cartograd.frontier.explain.rules import Rules
from cartograd.frontier.explain.within import within
from cartograd.frontier.inputs import answers, chosen, looking, rows_at_once

CARD = Card(
    name="lrp",
    kind="explainer",
    entry="lrp",
    nodes=("xai/evaluation",),
    title="Layer-wise relevance propagation",
    short="LRP",
    zh="逐层相关性传播",
    paper="On pixel-wise explanations for non-linear classifier decisions",
    year=2015,
    url="https://doi.org/10.1371/journal.pone.0130140",
    proofs=(
        "oracle: captum.attr.LRP by its rules epsilon, gamma and alpha1-beta0, to 1e-8 in float64",
        "law: without biases the output is kept by all rules; with epsilon of 0 it is gradient x "
        "input, also with functions and one shared layer",
    ),
)

RULES = ("epsilon", "gamma", "alpha1beta0")

LINEAR = (F.linear, F.conv1d, F.conv2d, F.conv3d, torch.conv1d, torch.conv2d, torch.conv3d)
"""Operations that hand relevance on by a rule: with weights and perhaps a bias."""

Linear = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""Inputs, weights and bias to outputs."""


class Shared(torch.autograd.Function):
    """A linear operation that passes back relevance over height."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, operation: Linear, rule: Any
    ) -> Tensor:
        """What it gives."""
        ctx.operation, ctx.rule = operation, rule
        ctx.save_for_backward(x, weight, *(() if bias is None else (bias,)))
        return operation(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *upper: Tensor) -> tuple[Tensor | None, ...]:
        """Each output's relevance in the shares by which the rule says that it was made."""
        x, weight, *rest = ctx.saved_tensors
        bias = rest[0] if rest else None
        y = ctx.operation(x, weight, bias)  # what it gave may have been changed in place since
        return ctx.rule(ctx.operation, x, weight, bias, y * upper[0]), None, None, None, None


def lrp(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"] | int | None = None,
    rule: Literal["epsilon", "gamma", "alpha1beta0"] = "epsilon",
    eps: float = 1e-6,
    gamma: float = 0.25,
) -> Float[Tensor, "b ..."]:
    """The share of each number of each input in an output.

    Args:
        model: any module; with a signature if it takes tokens.
        x: inputs in the units of the input port, or tokens.
        target: which output to explain, one for all or one each; by default the highest.
        rule: of dense layers and convolutions: `epsilon`, `gamma` or `alpha1beta0`.
        eps: of the rule of that name, and what keeps the others from a division by zero.
        gamma: of the rule of that name.

    Raises:
        UsageError: inputs without gradient, an output that the model does not have, a rule that
            does not exist, or no layer that has one.
    """
    if rule not in RULES:
        raise unknown("rule", rule, RULES)
    if eps < 0 or gamma < 0:
        raise UsageError(f"lrp has eps={eps:g}, gamma={gamma:g}; expected 0 or more")
    if seen := within(model, x):
        shares = lrp(seen, seen.vectors(x), target=target, rule=rule, eps=eps, gamma=gamma)
        return seen.told(shares)
    shares = {
        "epsilon": partial(_scaled, rho=lambda w: w, eps=eps),
        "gamma": partial(_scaled, rho=lambda w: w + gamma * w.clamp_min(0), eps=eps),
        "alpha1beta0": partial(_positive, eps=eps),
    }[rule]
    rows, parts = rows_at_once(x), []
    with looking(model, x):
        targets = targets_of(model, x, target, rows)
        for part, own in zip(x.detach().split(rows), targets.split(rows), strict=True):
            point = part.clone().requires_grad_()
            with Rules({one: partial(_shared, one, shares) for one in LINEAR}) as rules:
                found = chosen(answers(model, point), own).sum()
            check_met(rules, "dense layer or convolution")
            parts.append(torch.autograd.grad(found, point)[0] * part)
    return torch.cat(parts)


def _shared(
    operation: Any, rule: Any, input: Tensor, weight: Tensor, bias: Tensor | None = None,
    *args: Any, **kwargs: Any,
) -> Tensor:  # fmt: skip
    def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return operation(x, weight, bias, *args, **kwargs)

    return Shared.apply(input, weight, bias, linear, rule)


def _scaled(
    operation: Linear, x: Tensor, weight: Tensor, bias: Tensor | None, relevance: Tensor,
    *, rho: Callable[[Tensor], Tensor], eps: float,
) -> Tensor:  # fmt: skip
    weight, bias = rho(weight), None if bias is None else rho(bias)
    with torch.enable_grad():
        point = x.detach().requires_grad_()
        z = operation(point, weight, bias)
        return torch.autograd.grad(z, point, relevance / _stable(z.detach(), eps))[0]


def _positive(
    operation: Linear, x: Tensor, weight: Tensor, bias: Tensor | None, relevance: Tensor,
    *, eps: float,
) -> Tensor:  # fmt: skip
    """By positive products alone: of positive inputs and weights, and of negative ones."""
    with torch.enable_grad():
        points = [one.detach().requires_grad_() for one in (x.clamp_min(0), x.clamp_max(0))]
        own = None if bias is None else bias.clamp_min(0)
        z = operation(points[0], weight.clamp_min(0), own)
        z = z + operation(points[1], weight.clamp_max(0), None)
        share = relevance / _stable(z.detach(), eps)
        up, down = torch.autograd.grad(z, points, share)
    return torch.where(x >= 0, up, down)


def _stable(z: Tensor, eps: float) -> Tensor:
    """Heights away from zero."""
    z = torch.where(z < 0, z - eps, z + eps)
    return torch.where(z == 0, torch.ones_like(z), z)
