"""Shapley values by orders: what each part adds when it comes, over orders that are drawn.

Parts are shown one after the other in a random order; what the answer gains as a part comes is one
sample of its Shapley value. Each order is followed by its reverse, which meets every part from the
other side and cancels much of the error. The values of each order add up to the whole change.

    phi_i = mean over orders of v(those before i, and i) - v(those before i)

Shapes: x and the attribution (b ...), the same.

Departures: orders come in pairs, one the reverse of the other.

References:
    Javier Castro, Daniel Gomez, Juan Tejada. Polynomial calculation of the Shapley value based on
    sampling. Computers and operations research 2009. https://doi.org/10.1016/j.cor.2008.04.004
    Rory Mitchell, Joshua Cooper, Eibe Frank, Geoffrey Holmes. Sampling permutations for Shapley
    value estimation. JMLR 2022. https://arxiv.org/abs/2104.12199

>>> model, x = torch.nn.Linear(3, 2), torch.tensor([[1.0, 2.0, -1.0]])
>>> torch.allclose(permutation_shap(model, x, target=1).float(), x * model.weight[1], atol=1e-5)
True
"""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.frontier.explain.baselines import Baseline
from cartograd.frontier.explain.parts import parts_of

CARD = Card(
    name="permutation-shap",
    kind="explainer",
    entry="permutation_shap",
    nodes=("xai/shap",),
    title="Shapley values by orders",
    zh="排列 SHAP",
    paper="Polynomial calculation of the Shapley value based on sampling",
    year=2009,
    url="https://doi.org/10.1016/j.cor.2008.04.004",
    proofs=(
        "law: efficiency with any number of orders, to 1e-10; exact for models of pairs of parts",
        "law: near the exact values within five standard errors",
    ),
    tiny={"orders": 2},
)


def permutation_shap(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"] | int | None = None,
    orders: int = 10,
    baseline: Baseline = "low",
    patch_size: int | None = None,
    seed: int = 0,
) -> Float[Tensor, "b ..."]:
    """An estimate of each part's Shapley value, shared among its numbers.

    Args:
        model: any module that answers; no gradient is taken.
        x: inputs in the units of the input port, or tokens.
        target: which output to explain, one for all or one each; by default the highest.
        orders: that are drawn, each with its reverse: twice as many times the parts are asked.
        baseline: what covers a part, or several backgrounds (see `parts_of`).
        patch_size: of the squares of a picture, or how many numbers in a row belong together.
        seed: of the orders.

    Raises:
        UsageError: no order, or as `parts_of`.
    """
    if orders < 1:
        raise UsageError(f"orders={orders} is out of range; expected at least 1")
    parts = parts_of(model, x, target=target, baseline=baseline, patch_size=patch_size)
    d, generator = parts.count, torch.Generator().manual_seed(seed)
    drawn = torch.rand(orders, d, generator=generator).argsort(1)
    order = torch.cat([drawn, drawn.flip(1)])
    place = order.argsort(1)
    shown = place[:, None] < torch.arange(d + 1)[:, None]  # the first k of an order, k from 0 to d
    values = parts.values(shown.flatten(0, 1)).unflatten(1, (2 * orders, d + 1))
    gained = values.diff(dim=2).gather(2, place.to(values.device).expand(len(values), -1, -1))
    return parts.spread(gained.mean(1))
