"""Mean squared error: the squared distance between output and target.

Squaring punishes one large error more than many small ones, so it is the loss of Gaussian noise
and is pulled by outliers; its gradient is in proportion to the error.

    L = 1/k sum_j (y_j - t_j)^2        dL/dy = 2 (y - t) / k

Shapes: outputs and targets `b ...` alike; losses ` b`, one per example.

Departures: none. The mean over examples is left to the engine.

References:
    Ian Goodfellow, Yoshua Bengio, Aaron Courville. Deep Learning, section 5.5.1. MIT Press, 2016.
    https://www.deeplearningbook.org

>>> import torch
>>> mse(torch.tensor([[1.0, 3.0]]), torch.tensor([[0.0, 0.0]])).tolist()
[5.0]
"""

from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.training.losses.alike import alike

CARD = Card(
    name="mse",
    kind="loss",
    entry="mse",
    nodes=("loss/mse",),
    title="Mean squared error",
    zh="均方误差",
    aliases=("squared-error", "l2"),
    paper="Deep Learning, section 5.5.1",
    year=2016,
    url="https://www.deeplearningbook.org",
    proofs=(
        "oracle: torch.nn.functional.mse_loss and sklearn.metrics.mean_squared_error, values "
        "and gradients to 1e-10 in float64",
        "law: the gradient is 2 (y - t) / k",
    ),
    evidence={"loss/mse": ("test_equals_torch_with_gradients", "test_equals_scikit_learn")},
)


def mse(outputs: Float[Tensor, "b ..."], targets: Float[Tensor, "b ..."], /) -> Float[Tensor, " b"]:
    """The mean of the squared errors of each example.

    Raises:
        UsageError: outputs and targets differ in shape.
    """
    alike("mse", outputs, targets)
    return (outputs - targets).square().flatten(1).mean(1)
