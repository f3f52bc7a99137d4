"""CROWN: lines go backward through a network, and bound what it answers for a box of inputs.

A curve lies between two lines over the interval of what goes into it. Put in their place, from the
answer down to the input, they make the network a linear function below its own: that keeps how the
numbers depend on each other, which intervals forget.

    f(x) >= A x + a,   least over the box: A m - |A| r + a
    ReLU over l < 0 < u:   below  1[u > -l] z,   above  u (z - l) / (u - l)

Shapes: x (b ...), y (b).

Departures: intervals of what goes into a curve are those of CROWN or of IBP, whichever are tighter,
number by number, and so is the result: it is never looser than IBP. Roundings of the model as it is
served count (`bounds.py`).

References:
    Huan Zhang, Tsui-Wei Weng, Pin-Yu Chen, Cho-Jui Hsieh, Luca Daniel. Efficient neural network
    robustness certification with general activation functions. NeurIPS 2018.
    https://arxiv.org/abs/1811.00866

>>> model = torch.nn.Linear(1, 2, bias=False)
>>> _ = model.weight.data.copy_(torch.tensor([[1.0], [-1.0]]))
>>> x, y = torch.tensor([[0.5]]), torch.tensor([0])
>>> [round(crown(model, x, y, eps=0.25, bounds=(0.0, 1.0)).size.item(), 3)]
[0.5]
"""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.certificate import Certificate
from cartograd.frontier.security.ball import Norm
from cartograd.frontier.verification.bounds import backward, enclose
from cartograd.frontier.verification.certified import certified
from cartograd.frontier.verification.ibp import by_intervals
from cartograd.frontier.verification.network import Network
from cartograd.frontier.verification.rules import Box

CARD = Card(
    name="crown",
    kind="verifier",
    entry="crown",
    nodes=("verify/bounds",),
    title="CROWN",
    zh="CROWN 线性松弛界",
    paper="Efficient neural network robustness certification with general activation functions",
    year=2018,
    url="https://arxiv.org/abs/1811.00866",
    proofs=(
        "oracle: the same bounds written out with dense matrices for a network of three layers, to "
        "1e-9 in float64",
        "law: no input of the box does worse than the bound; IBP <= CROWN <= exact <= PGD <= FGSM "
        "<= clean on a network that was trained",
    ),
    evidence={
        "verify/bounds": (
            "test_no_input_does_worse_than_the_bound",
            "test_the_sandwich_on_trained_digits",
        )
    },
    tiny={"eps": 0.01},
)


def crown(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    eps: float = 8 / 255,
    bounds: tuple[float, float] | None = None,
    norm: Norm = "linf",
) -> Certificate:
    """What lines prove of all inputs within eps of each example.

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
    return certified(model, x, y, by_lines, eps=eps, bounds=bounds, norm=norm)


def by_lines(
    network: Network, box: Box, weights: Float[Tensor, "b s k"], /
) -> Float[Tensor, "b s"]:
    """Lower bounds of weighted sums of the answers."""
    lower = backward(enclose(network, box), weights).lower
    return torch.maximum(lower, by_intervals(network, box, weights))
