"""SmoothGrad: the gradient, averaged over noisy copies of the input.

The gradient of a deep network jumps from one input to the next one beside it. Averaged over copies
with a little noise, what is only jump cancels out. The square of the gradients keeps what would
cancel; their variance tells where they jump.

    mean        1/n sum_i g_i,    g_i = df(x + e_i) / dx,    e_i ~ N(0, (noise * range)^2)
    square      1/n sum_i g_i^2
    variance    1/n sum_i (g_i - mean)^2  =  square - mean^2

Shapes: x and the attribution (b ...), the same; f is one output of the model.

Departures: all examples have the same noise, each copy another.

References:
    Daniel Smilkov, Nikhil Thorat, Been Kim, Fernanda Viegas, Martin Wattenberg. SmoothGrad. 2017.
    https://arxiv.org/abs/1706.03825
    Julius Adebayo, Justin Gilmer, Ian Goodfellow, Been Kim. Local explanation methods for deep
    neural networks lack sensitivity to parameter values (VarGrad). ICLR workshop 2018.
    https://arxiv.org/abs/1810.03307

>>> model = torch.nn.Linear(3, 2)
>>> torch.allclose(smoothgrad(model, torch.rand(5, 3), target=1), model.weight[1].expand(5, 3))
True
"""

from typing import Literal

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.signed import signature_if_any
from cartograd.frontier.explain.baselines import targets_of
from cartograd.frontier.explain.within import Within, within
from cartograd.frontier.inputs import answers, chosen, looking, rows_at_once, slope

CARD = Card(
    name="smoothgrad",
    kind="explainer",
    entry="smoothgrad",
    nodes=("xai/smoothgrad",),
    title="SmoothGrad",
    zh="SmoothGrad（平滑梯度）",
    paper="SmoothGrad: removing noise by adding noise",
    year=2017,
    url="https://arxiv.org/abs/1706.03825",
    proofs=(
        "oracle: captum.attr.NoiseTunnel within Monte Carlo error, for mean, square and variance",
        "law: without noise the gradient; the square is the variance and the mean's square; a copy "
        "less does not change the others",
    ),
    evidence={
        "xai/smoothgrad": (
            "test_smoothgrad_is_captums",
            "test_the_square_is_the_variance_and_the_mean",
        )
    },
    tiny={"draws": 3},
)

FORMS = ("mean", "square", "variance")


def smoothgrad(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"] | int | None = None,
    draws: int = 32,
    noise: float = 0.1,
    form: Literal["mean", "square", "variance"] = "mean",
    seed: int = 0,
) -> Float[Tensor, "b ..."]:
    """The gradient of an output over noisy copies of each input.

    Args:
        model: any module; with a signature if it takes tokens.
        x: inputs in the units of the input port, or tokens.
        target: which output to explain, one for all or one each; by default the highest of the
            input as it is.
        draws: noisy copies.
        noise: standard deviation of the noise, as a share of the range of inputs: from bound to
            bound of the port, or from the least to the largest number of all inputs given.
        form: `mean`, `square` or `variance` of the gradients.
        seed: of the noise.

    Raises:
        UsageError: inputs without gradient, an output that the model does not have, or numbers out
            of their range.
    """
    if form not in FORMS:
        raise unknown("form", form, FORMS)
    if draws < 1 or noise < 0:
        raise UsageError(
            f"smoothgrad has draws={draws}, noise={noise:g}; expected at least one, and 0 or more"
        )
    if seen := within(model, x):
        told = {"target": target, "draws": draws, "noise": noise, "form": form, "seed": seed}
        return seen.told(smoothgrad(seen, seen.vectors(x), **told))
    rows, parts = rows_at_once(x), []
    noises = _noises(model, x, draws, noise, seed)
    with looking(model, x):
        targets = targets_of(model, x, target, rows)
        for part, own in zip(x.detach().split(rows), targets.split(rows), strict=True):
            mean, square = torch.zeros_like(part), torch.zeros_like(part)
            for some in noises.split(max(1, rows // len(part))):
                points = (part + some[:, None]).flatten(0, 1).requires_grad_()
                found = chosen(answers(model, points), own.repeat(len(some)))
                slopes = slope(found.sum(), points).unflatten(0, (len(some), len(part)))
                mean += slopes.sum(0) / draws
                square += slopes.square().sum(0) / draws
            parts.append({"mean": mean, "square": square, "variance": square - mean.square()}[form])
    return torch.cat(parts)


def _noises(
    model: nn.Module, x: Tensor, draws: int, noise: float, seed: int
) -> Float[Tensor, "n ..."]:
    """Noise for each copy; the number behind a token's vector or a layer's stays as it is."""
    signature = signature_if_any(model)
    bounds = signature.input.bounds if signature else None
    inside = isinstance(model, Within)
    seen = x[..., :-1] if inside else x
    low, high = bounds if bounds and not inside else (float(seen.min()), float(seen.max()))
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn((draws, *x.shape[1:]), generator=generator, dtype=torch.float64)
    if inside:
        drawn[..., -1] = 0
    return (noise * (high - low) * drawn).to(x)
