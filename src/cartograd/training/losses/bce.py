"""Binary cross-entropy: the negative log-likelihood of independent yes-or-no labels, from logits.

Each output is a label of its own, with probability sigmoid(z). The logarithm and the exponential
are computed as one, so that nothing overflows, and the gradient is the prediction minus the target.

    L = -w t log sigmoid(z) - (1 - t) log sigmoid(-z),  log sigmoid(z) = min(z, 0) - log(1 + e^-|z|)
    dL/dz = sigmoid(z) - t  for w = 1

`pos_weight` w makes the examples of a rare label count for more; with as many times more as there
are examples without it than with it, both weigh the same (`class_weights.pos_weights`).

Shapes: logits and targets `b ...` alike, targets from 0 to 1; losses ` b`, one per example (the
mean over its labels).

Departures: none.

References:
    Ian Goodfellow, Yoshua Bengio, Aaron Courville. Deep Learning, section 6.2.2.2. MIT Press,
    2016. https://www.deeplearningbook.org

>>> import torch
>>> loss = bce(torch.tensor([[0.0], [2.0], [-1e4]]), torch.tensor([[1.0], [1.0], [1.0]]))
>>> [round(number, 3) for number in loss.tolist()]
[0.693, 0.127, 10000.0]
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="bce",
    kind="loss",
    entry="bce",
    nodes=("loss/bce",),
    title="Binary cross-entropy",
    zh="二元交叉熵损失",
    aliases=("binary-cross-entropy",),
    paper="Deep Learning, section 6.2.2.2",
    year=2016,
    url="https://www.deeplearningbook.org",
    proofs=(
        "oracle: torch.nn.functional.binary_cross_entropy_with_logits and "
        "sklearn.metrics.log_loss, values and gradients to 1e-10 in float64",
        "law: the gradient is sigmoid - target; exact at scores of 1e4; of two classes it is the "
        "cross-entropy of the logits (0, z)",
    ),
    evidence={"loss/bce": ("test_exact_at_large_scores", "test_equals_torch_with_gradients")},
)


def bce(
    logits: Float[Tensor, "b ..."],
    targets: Float[Tensor, "b ..."],
    /,
    *,
    pos_weight: float | tuple[float, ...] = 1.0,
) -> Float[Tensor, " b"]:
    """The mean negative log-likelihood of the targets of each example.

    Args:
        logits: of each label.
        targets: whether the example has it, from 0 to 1.
        pos_weight: how much having a label counts against not having it; one for all labels, or
            one for each along the last dimension.

    Raises:
        UsageError: there is not one weight for each label, or one is not above 0.
    """
    weight = torch.as_tensor(pos_weight, dtype=logits.dtype, device=logits.device)
    if weight.ndim and len(weight) != logits.shape[-1]:
        raise UsageError(
            f"bce: {len(weight)} numbers in pos_weight for {logits.shape[-1]} labels; expected one "
            "each, or one for all"
        )
    if not bool((weight > 0).all()):
        raise UsageError(f"bce: pos_weight={pos_weight}; expected numbers above 0")
    yes, no = logsigmoid(logits), logsigmoid(-logits)  # each keeps its digits where p is near 1
    return -(weight * targets * yes + (1 - targets) * no).flatten(1).mean(1)
