"""KernelSHAP: Shapley values from some of the subsets, by a weighted least-squares fit.

Shapley values are the coefficients of the linear model of "shown or not" that fits the answers of
all subsets best, if a subset of k of d parts weighs (d - 1) / (C(d, k) k (d - k)) and the fit meets
the answers with all and with no part exactly. So a sample of subsets gives an estimate:

    min over phi of sum_S w(S) (v(S) - v(0) - sum_(i in S) phi_i)^2,   sum_i phi_i = v(all) - v(0)

Subsets of very few and of nearly all parts weigh the most: their sizes are asked in full as long as
the budget lasts, the rest is drawn, each with its complement.

Shapes: x and the attribution (b ...), the same.

Departures: efficiency is a constraint of the fit, not a large weight; no coefficients are left out.

References:
    Scott M. Lundberg, Su-In Lee. A unified approach to interpreting model predictions. NIPS 2017.
    https://arxiv.org/abs/1705.07874
    Ian Covert, Su-In Lee. Improving KernelSHAP: practical Shapley value estimation using linear
    regression. AISTATS 2021. https://arxiv.org/abs/2012.01536

>>> model, x = torch.nn.Linear(3, 2), torch.tensor([[1.0, 2.0, -1.0]])
>>> torch.allclose(kernel_shap(model, x, target=1).float(), x * model.weight[1], atol=1e-5)
True
"""

from itertools import combinations
from math import comb

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.frontier.explain.baselines import Baseline
from cartograd.frontier.explain.parts import parts_of

CARD = Card(
    name="kernel-shap",
    kind="explainer",
    entry="kernel_shap",
    nodes=("xai/shap",),
    title="KernelSHAP",
    zh="KernelSHAP",
    paper="A unified approach to interpreting model predictions",
    year=2017,
    url="https://arxiv.org/abs/1705.07874",
    proofs=(
        "law: with all subsets it is the exact values, to 1e-9; efficiency to 1e-9 with any sample",
        "law: the error falls with the sample, and with 1,000 of 8,192 subsets it is below 5 % of "
        "the mean size",
    ),
    tiny={"draws": 64},
)


def kernel_shap(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"] | int | None = None,
    draws: int = 1024,
    baseline: Baseline = "low",
    patch_size: int | None = None,
    seed: int = 0,
) -> Float[Tensor, "b ..."]:
    """An estimate of each part's Shapley value, shared among its numbers.

    Args:
        model: any module that answers; no gradient is taken.
        x: inputs in the units of the input port, or tokens.
        target: which output to explain, one for all or one each; by default the highest.
        draws: subsets that are asked, besides none and all.
        baseline: what covers a part, or several backgrounds (see `parts_of`).
        patch_size: of the squares of a picture, or how many numbers in a row belong together.
        seed: of the subsets that are drawn.

    Raises:
        UsageError: too few samples to tell the parts apart, or as `parts_of`.
    """
    parts = parts_of(model, x, target=target, baseline=baseline, patch_size=patch_size)
    d = parts.count
    ends = parts.values(torch.tensor([[False] * d, [True] * d]))
    nothing, whole = ends.unbind(1)
    if d == 1:
        return parts.spread((whole - nothing)[:, None])
    if draws < 2 * d and draws < 2**d - 2:
        raise UsageError(
            f"draws={draws} are too few for {d} parts; expected at least {2 * d}, or larger "
            "parts with patch_size="
        )
    shown, weight = some_subsets(d, draws, torch.Generator().manual_seed(seed))
    found = fitted(shown, weight, parts.values(shown).cpu() - nothing[:, None].cpu(),
                   (whole - nothing).cpu())  # fmt: skip
    return parts.spread(found.to(x.device))


def some_subsets(
    d: int, draws: int, generator: torch.Generator, /
) -> tuple[Bool[Tensor, "n d"], Float[Tensor, " n"]]:
    """Subsets of d parts, neither none nor all, and what they weigh.

    Args:
        d: parts, at least two.
        draws: most subsets; sizes k and d - k together are asked in full while they fit.
        generator: of those that are drawn.
    """
    shown, weight, left = [], [], draws
    sizes = list(range(1, d // 2 + 1))
    while sizes:
        k = sizes[0]
        pair = comb(d, k) * (1 if 2 * k == d else 2)
        if pair > left:
            break
        rows = torch.zeros(comb(d, k), d, dtype=torch.bool)
        rows.scatter_(1, torch.tensor(list(combinations(range(d), k))), True)
        rows = rows if 2 * k == d else torch.cat([rows, ~rows])
        shown.append(rows)
        weight.append(torch.full((pair,), _mass(d, k) / pair, dtype=torch.float64))
        left -= pair
        sizes.pop(0)
    if sizes and left > 1:
        masses = torch.tensor([_mass(d, k) for k in sizes], dtype=torch.float64)
        drawn = torch.multinomial(masses, left // 2, replacement=True, generator=generator)
        order = torch.rand(left // 2, d, generator=generator).argsort(1).argsort(1)
        rows = order < torch.tensor(sizes)[drawn][:, None]
        shown.append(torch.cat([rows, ~rows]))
        weight.append(torch.full((2 * len(rows),), float(masses.sum()) / (2 * len(rows)),
                                 dtype=torch.float64))  # fmt: skip
    return torch.cat(shown), torch.cat(weight)


def _mass(d: int, k: int) -> float:
    """What all subsets of k or d - k parts weigh together."""
    return (d - 1) / (k * (d - k)) * (1 if 2 * k == d else 2)


def fitted(
    shown: Bool[Tensor, "n d"],
    weight: Float[Tensor, " n"],
    values: Float[Tensor, "b n"],
    whole: Float[Tensor, " b"],
    /,
) -> Float[Tensor, "b d"]:
    """The weighted least-squares fit whose coefficients add up to `whole`.

    Args:
        shown: the subsets.
        weight: of each.
        values: of the answers, less that with nothing.
        whole: the answer with all, less that with nothing.
    """
    z = shown.double()
    normal = (z.T * weight) @ z
    inverse = torch.linalg.pinv(normal, hermitian=True)
    free = (values * weight) @ z @ inverse
    step = inverse.sum(1)
    return free - ((free.sum(1) - whole) / step.sum())[:, None] * step
