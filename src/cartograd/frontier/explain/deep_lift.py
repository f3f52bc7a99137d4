"""DeepLIFT: contributions to the change from a baseline, handed back layer by layer.

The gradient says what a small change would do. DeepLIFT compares with a baseline instead: each
nonlinear operation passes back the slope of its line from the baseline's value to the input's, so
that one backward pass gives contributions that add up to the change of the output.

    multiplier of y = s(x):     m = (s(x) - s(x')) / (x - x'),    s'(x) where x = x'
    contribution:               C_j(x) = (x_j - x'_j) * (products of multipliers, over all ways)
    summation to delta:         sum_j C_j(x) = f(x) - f(x')

This is the rescale rule. The largest of a window passes its change to where the larger of both
maxima came from. Where two numbers that depend on the input are multiplied, as in attention, or
divided, as in layer normalisation and softmax, or one of them is chosen (`torch.maximum`,
`torch.where`), there is no such rule: the gradient passes, and the contributions need not add up
(`completeness_gap` says by how much they do not).

Shapes: x and the attribution (b ...), the same; f is one output of the model.

Departures: none of the rescale rule; the paper's other rule, reveal-cancel, is not here.

References:
    Avanti Shrikumar, Peyton Greenside, Anshul Kundaje. Learning important features through
    propagating activation differences. ICML 2017. https://arxiv.org/abs/1704.02685

>>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
>>> x = torch.rand(5, 3)
>>> added = deep_lift(model, x, target=1).sum(1)
>>> torch.allclose(added, (model(x) - model(0 * x))[:, 1], atol=1e-5)
True
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.frontier.explain.baselines import Baseline, start_of, targets_of
from cartograd.frontier.explain.rules import Rule, Rules, of_relus
from cartograd.frontier.explain.within import within
from cartograd.frontier.inputs import answers, chosen, looking, rows_at_once

CARD = Card(
    name="deep-lift",
    kind="explainer",
    entry="deep_lift",
    nodes=("xai/shap",),
    title="DeepLIFT",
    zh="DeepLIFT",
    paper="Learning important features through propagating activation differences",
    year=2017,
    url="https://arxiv.org/abs/1704.02685",
    proofs=(
        "oracle: captum.attr.DeepLift, to 1e-10 in float64, of ReLUs, other activations and maxima",
        "law: contributions add up to the change of the output, to 1e-10 in float64, also with one "
        "shared ReLU, with functions, in place, and with windows that overlap",
    ),
)

SAME = 1e-7
"""Differences from the baseline below which the derivative stands for the line's slope."""

ACTIVATIONS: tuple[Any, ...] = (
    F.tanh, F.sigmoid, F.gelu, F.silu, F.elu, F.selu, F.celu, F.leaky_relu, F.prelu, F.rrelu,
    F.softplus, F.softsign, F.mish, F.hardtanh, F.relu6, F.hardswish, F.hardsigmoid, F.logsigmoid,
    F.tanhshrink, F.hardshrink, F.softshrink, F.threshold, torch.pow, Tensor.pow,
    Tensor.__pow__,
)  # fmt: skip
NAMED = (
    "tanh", "sigmoid", "exp", "expm1", "log", "log1p", "square", "sqrt", "rsqrt", "abs", "sin",
    "cos", "erf", "reciprocal", "clamp", "clamp_min", "clamp_max", "clip",
)  # fmt: skip
"""Operations on each number alone, which a line from the baseline's value explains; those of the
second list have a name in torch, one of tensors, and one of each with `_` that works in place."""

MAXIMA = {
    F.max_pool1d: F.max_pool1d_with_indices, torch.max_pool1d: F.max_pool1d_with_indices,
    F.max_pool2d: F.max_pool2d_with_indices, torch.max_pool2d: F.max_pool2d_with_indices,
    F.max_pool3d: F.max_pool3d_with_indices, torch.max_pool3d: F.max_pool3d_with_indices,
}  # fmt: skip
"""Operations that take the largest of a window, and what says where it was."""


class Rescaled(torch.autograd.Function):
    """An operation on each number, of inputs and baselines one after the other."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, operation: Callable[[Tensor], Tensor]) -> Tensor:
        """What it gives."""
        ctx.operation = operation
        ctx.save_for_backward(x.clone())  # later ones may change it in place
        return operation(x)

    @staticmethod
    def backward(ctx: Any, *upper: Tensor) -> tuple[Tensor, None]:
        """The slope of the line from the baseline to the input."""
        (x,) = ctx.saved_tensors
        with torch.enable_grad():
            point = x.detach().requires_grad_()
            y = ctx.operation(point)
            (slope,) = torch.autograd.grad(y.sum(), point)
        moved, changed = (one - two for one, two in (x.chunk(2), y.detach().chunk(2)))
        near = moved.abs() < SAME
        line = torch.where(near, slope.chunk(2)[0], changed / torch.where(near, 1.0, moved))
        return torch.cat([line, line]) * upper[0], None


class Largest(torch.autograd.Function):
    """The largest of each window, of inputs and baselines one after the other."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, pooled: Callable[[Tensor], tuple[Tensor, Tensor]]) -> Tensor:
        """The maxima."""
        y, places = pooled(x)
        ctx.save_for_backward(x, places)
        return y

    @staticmethod
    def backward(ctx: Any, *upper: Tensor) -> tuple[Tensor, None]:
        """A window's change belongs to where the larger of its two maxima was."""
        x, places = ctx.saved_tensors
        y = x.flatten(2).gather(2, places.flatten(2)).reshape(places.shape)
        (moved, (now, before), (here, there)) = x.chunk(2), y.chunk(2), places.chunk(2)
        moved = (moved[0] - moved[1]).flatten(2)
        own = torch.where(now >= before, here, there).flatten(2)
        share = (upper[0].chunk(2)[0] * (now - before)).flatten(2)
        given = torch.zeros_like(moved).scatter_add_(2, own, share)
        near = moved.abs() < SAME
        line = torch.where(near, 0.0, given / torch.where(near, 1.0, moved)).reshape(
            x.chunk(2)[0].shape
        )
        return torch.cat([line, torch.zeros_like(line)]), None


def deep_lift(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"] | int | None = None,
    baseline: Baseline = "low",
) -> Float[Tensor, "b ..."]:
    """The contribution of each number of each input to an output's change from the baseline.

    Args:
        model: any module; with a signature if it takes tokens.
        x: inputs in the units of the input port, or tokens.
        target: which output to explain, one for all or one each; by default the highest.
        baseline: as of `integrated_gradients`.

    Raises:
        UsageError: inputs without gradient, an output that the model does not have, or a
            baseline that does not fit.
    """
    if seen := within(model, x):
        origin = seen.start(x, baseline)
        return seen.told(deep_lift(seen, seen.vectors(x), target=target, baseline=origin))
    start, rows, parts = start_of(model, x, baseline), max(1, rows_at_once(x) // 2), []
    with looking(model, x):
        targets = targets_of(model, x, target, rows)
        each = zip(x.detach().split(rows), start.split(rows), targets.split(rows), strict=True)
        for part, origin, own in each:
            both = torch.cat([part, origin]).requires_grad_()
            with Rules(rules_of_differences()):
                found = chosen(answers(model, both)[: len(part)], own).sum()
            (slope,) = torch.autograd.grad(found, both)
            parts.append(slope[: len(part)] * (part - origin))
    return torch.cat(parts)


def rules_of_differences() -> dict[Any, Rule]:
    """The rules of operations, for batches of inputs and their baselines one after the other."""
    rules = of_relus(lambda x: Rescaled.apply(x, torch.relu))
    for operation in ACTIVATIONS:
        rules[operation] = partial(_rescaled, operation)
    for name in NAMED:
        operation = getattr(torch, name)
        rules[operation] = rules[getattr(Tensor, name)] = partial(_rescaled, operation)
        for of in (torch, Tensor):
            rules[getattr(of, f"{name}_")] = partial(_rescaled, operation, inplace=True)
    for operation, with_places in MAXIMA.items():
        rules[operation] = partial(_largest, with_places)
    return rules


def _rescaled(
    operation: Any, input: Tensor, *args: Any, inplace: bool = False, **kwargs: Any
) -> Tensor:
    def alone(given: Tensor) -> Tensor:
        return operation(given, *args, **kwargs)

    others = (*args, *kwargs.values())
    if any(isinstance(one, Tensor) and one.grad_fn for one in others):
        found = alone(input)  # of two numbers that depend on the input there is no line
    else:
        found = Rescaled.apply(input, alone)
    return input.copy_(found) if inplace else found


def _largest(with_places: Any, x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    kwargs = {name: value for name, value in kwargs.items() if name != "return_indices"}
    return Largest.apply(x, lambda given: with_places(given, *args, **kwargs))
