"""IBP: intervals go forward through a network, and bound what it answers for a box of inputs.

Each number of an input may lie anywhere in an interval; after each operation an interval holds all
that its result may be. It costs as much as two passes and is the loosest of the bounds, since it
forgets that the numbers depend on each other.

    affine   m' = W m + c,   r' = |W| r        m the middle, r the radius
    rising   [l, u] -> [f(l), f(u)]

Shapes: x (b ...), y (b).

Departures: the margin of the right class against each other one is bounded, not each logit: what
comes after the last curve is put together with that difference. Roundings of the model as it is
served count (`bounds.py`), so the bounds hold for the sums that the machine does.

References:
    Sven Gowal, Krishnamurthy Dvijotham, Robert Stanforth, Rudy Bunel, Chongli Qin, Jonathan Uesato,
    Relja Arandjelovic, Timothy Mann, Pushmeet Kohli. Scalable verified training for provably robust
    image classification. ICCV 2019. https://arxiv.org/abs/1810.12715

>>> model = torch.nn.Linear(2, 2, bias=False)
>>> _ = model.weight.data.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
>>> x, y = torch.tensor([[0.75, 0.5], [0.875, 0.125]]), torch.tensor([0, 0])
>>> found = ibp(model, x, y, eps=0.25, bounds=(0.0, 1.0))
>>> found.proved.tolist(), [round(size, 3) for size in found.size.tolist()]
([False, True], [-0.25, 0.25])
"""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.certificate import Certificate
from cartograd.frontier.security.ball import Norm
from cartograd.frontier.verification.bounds import backward, enclose
from cartograd.frontier.verification.certified import certified
from cartograd.frontier.verification.network import Network
from cartograd.frontier.verification.rules import Box

CARD = Card(
    name="ibp",
    kind="verifier",
    entry="ibp",
    nodes=("verify/bounds",),
    title="Interval bound propagation",
    zh="区间界传播",
    paper="Scalable verified training for provably robust image classification",
    year=2019,
    url="https://arxiv.org/abs/1810.12715",
    proofs=(
        "law: no input of the box does worse than the bound, of networks with every operation that "
        "has a rule; of a linear network the bound is met; eps=0 gives the margin itself",
    ),
    tiny={"eps": 0.01},
)


def ibp(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    eps: float = 8 / 255,
    bounds: tuple[float, float] | None = None,
    norm: Norm = "linf",
) -> Certificate:
    """What intervals prove of all inputs within eps of each example.

    Args:
        model: gives logits; its signature has the bounds of valid inputs.
        x: inputs in the units of the input port.
        y: the right classes.
        eps: by how much each number may change, or by `l2` all together, in the units of x; of
            texts, of their tokens' vectors.
        bounds: smallest and largest valid number, for a model whose signature has none.
        norm: `linf` or `l2`.

    Raises:
        UsageError: as `certified`.
    """
    return certified(model, x, y, by_intervals, eps=eps, bounds=bounds, norm=norm)


def by_intervals(
    network: Network, box: Box, weights: Float[Tensor, "b s k"], /
) -> Float[Tensor, "b s"]:
    """Lower bounds of weighted sums of the answers."""
    found = enclose(network, box, lines=False)
    by_sums = backward(found, weights, intervals=True).lower
    middle = (found.boxes[-1].low + found.boxes[-1].high)[:, None] / 2
    radius = (found.boxes[-1].high - found.boxes[-1].low)[:, None] / 2
    each = (weights * middle - weights.abs() * radius).sum(2)
    return torch.maximum(by_sums, each)
