"""Huber loss: squared for small errors, straight for large ones.

Near the target it has the squared error's smooth bottom, far from it the absolute error's bounded
pull, so that outliers count but do not dominate. Delta is the error at which one becomes the other.

    L = 1/k sum_j h(y_j - t_j),    h(e) = e^2 / 2 if |e| <= delta else delta (|e| - delta / 2)
    h'(e) = e, held within [-delta, delta]

Shapes: outputs and targets `b ...` alike; losses ` b`, one per example.

Departures: none.

References:
    Peter Huber. Robust estimation of a location parameter. Annals of Mathematical Statistics 35,
    1964. https://doi.org/10.1214/aoms/1177703732

>>> import torch
>>> huber(torch.tensor([[0.5], [3.0]]), torch.zeros(2, 1)).tolist()
[0.125, 2.5]
"""

from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.training.losses.alike import alike

CARD = Card(
    name="huber",
    kind="loss",
    entry="huber",
    nodes=("loss/huber",),
    title="Huber loss",
    zh="Huber 损失",
    paper="Robust estimation of a location parameter",
    year=1964,
    url="https://doi.org/10.1214/aoms/1177703732",
    proofs=(
        "oracle: torch.nn.functional.huber_loss, values and gradients to 1e-10 in float64",
        "law: a line fitted with it to data with a tenth of wild targets is closer to the true one "
        "than that of the squared error",
    ),
    evidence={
        "loss/huber": (
            "test_equals_torch_with_gradients",
            "test_outliers_pull_less",
            "claim:mse-outliers",
        ),
    },
)


def huber(
    outputs: Float[Tensor, "b ..."], targets: Float[Tensor, "b ..."], /, *, delta: float = 1.0
) -> Float[Tensor, " b"]:
    """The mean of Huber's function over the errors of each example.

    Args:
        outputs: of the model.
        targets: the right values.
        delta: size of the error at which the loss turns from squared to straight.

    Raises:
        UsageError: outputs and targets differ in shape.
    """
    alike("huber", outputs, targets)
    size = (outputs - targets).abs()
    small = size.clamp(max=delta)
    # small^2 / 2 + delta (size - small) is both branches at once, with the right gradient in each.
    return (small.square() / 2 + delta * (size - small)).flatten(1).mean(1)
