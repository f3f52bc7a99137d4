"""Shapley values, exactly: what each part adds to the answer, over all orders in which they come.

    phi_i = sum over S without i of |S|! (d - |S| - 1)! / d! [v(S and i) - v(S)]

They are the only shares that add up to the change of the answer (efficiency), are the same for
parts that do the same (symmetry), nothing for a part that does nothing (dummy), and add up over
models that are added (linearity). It takes 2^d answers for d parts: up to 16 of them.

Shapes: x and the attribution (b ...), the same; v is one output of the model, the mean over
backgrounds of what it says when all other parts show these.

Departures: none.

References:
    Lloyd S. Shapley. A value for n-person games. Contributions to the theory of games 2, 1953.
    Scott M. Lundberg, Su-In Lee. A unified approach to interpreting model predictions. NIPS 2017.
    https://arxiv.org/abs/1705.07874

>>> model, x = torch.nn.Linear(3, 2), torch.tensor([[1.0, 2.0, -1.0]])
>>> torch.allclose(exact_shap(model, x, target=1).float(), x * model.weight[1], atol=1e-6)
True
"""

from math import factorial

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.frontier.explain.baselines import Baseline
from cartograd.frontier.explain.parts import parts_of

CARD = Card(
    name="exact-shap",
    kind="explainer",
    entry="exact_shap",
    nodes=("xai/shap",),
    title="Shapley values, exactly",
    zh="精确 SHAP 值",
    paper="A unified approach to interpreting model predictions",
    year=2017,
    url="https://arxiv.org/abs/1705.07874",
    proofs=(
        "oracle: shap.explainers.Exact with the same background, to 1e-9",
        "law: efficiency, symmetry, dummy and linearity, to 1e-10 in float64",
        "law: the definition by all orders of six parts, to 1e-12",
    ),
    evidence={
        "xai/shap": (
            "test_shares_add_up_and_what_does_nothing_has_nothing",
            "test_exact_values_are_the_mean_over_all_orders",
        ),
    },
    tiny={"patch_size": 4},
)

MOST = 16
"""Parts of which all subsets are asked."""


def exact_shap(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"] | int | None = None,
    baseline: Baseline = "low",
    patch_size: int | None = None,
) -> Float[Tensor, "b ..."]:
    """The Shapley value of each part, shared among its numbers.

    Args:
        model: any module that answers; no gradient is taken.
        x: inputs in the units of the input port, or tokens.
        target: which output to explain, one for all or one each; by default the highest.
        baseline: what covers a part, or several backgrounds (see `parts_of`).
        patch_size: of the squares of a picture, or how many numbers in a row belong together.

    Raises:
        UsageError: more than 16 parts, or as `parts_of`.
    """
    parts = parts_of(model, x, target=target, baseline=baseline, patch_size=patch_size)
    if parts.count > MOST:
        raise UsageError(
            f"exact-shap asks 2^{parts.count} times for {parts.count} parts; expected at most "
            f"{MOST} of them. Take kernel-shap or permutation-shap, or larger parts with "
            "patch_size="
        )
    shown = subsets(parts.count)
    return parts.spread(parts.values(shown) @ weights(shown).to(x.device))


def subsets(count: int, /) -> Bool[Tensor, "n d"]:
    """All subsets of so many parts."""
    numbers = torch.arange(2**count)
    return (numbers[:, None] >> torch.arange(count) & 1).bool()


def weights(shown: Bool[Tensor, "n d"], /) -> Float[Tensor, "n d"]:
    """How much each subset's answer counts for each part's value."""
    d = shown.shape[1]
    sizes = shown.sum(1)
    with_it = [factorial(k - 1) * factorial(d - k) / factorial(d) if k else 0.0
               for k in range(d + 1)]  # fmt: skip
    table = torch.tensor([*with_it, 0.0], dtype=torch.float64)
    return torch.where(shown, table[sizes][:, None], -table[sizes + 1][:, None])
