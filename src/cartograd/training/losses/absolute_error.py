"""Mean absolute error: the distance between output and target.

Every unit of error costs the same, however large the error is, so a few wild targets pull little:
the best constant output is the median where the squared error's is the mean. It is the loss of
Laplacian noise.

    L = 1/k sum_j |y_j - t_j|        dL/dy = sign(y - t) / k

Shapes: outputs and targets `b ...` alike; losses ` b`, one per example.

Departures: none. At y = t, where there is no derivative, it is 0, as in torch.

References:
    Ian Goodfellow, Yoshua Bengio, Aaron Courville. Deep Learning, section 6.2.2.1. MIT Press,
    2016. https://www.deeplearningbook.org

>>> import torch
>>> absolute_error(torch.tensor([[1.0, 3.0]]), torch.tensor([[0.0, 0.0]])).tolist()
[2.0]
"""

from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.training.losses.alike import alike

CARD = Card(
    name="absolute-error",
    kind="loss",
    entry="absolute_error",
    nodes=("loss/mae",),
    title="Mean absolute error",
    zh="平均绝对误差",
    aliases=("mae", "l1"),
    paper="Deep Learning, section 6.2.2.1",
    year=2016,
    url="https://www.deeplearningbook.org",
    proofs=(
        "oracle: torch.nn.functional.l1_loss and sklearn.metrics.mean_absolute_error, values and "
        "gradients to 1e-10 in float64",
        "law: the best constant answer is the median",
    ),
    evidence={"loss/mae": ("test_equals_torch_with_gradients", "test_equals_scikit_learn")},
)


def absolute_error(
    outputs: Float[Tensor, "b ..."], targets: Float[Tensor, "b ..."], /
) -> Float[Tensor, " b"]:
    """The mean of the absolute errors of each example.

    Raises:
        UsageError: outputs and targets differ in shape.
    """
    alike("absolute-error", outputs, targets)
    return (outputs - targets).abs().flatten(1).mean(1)
