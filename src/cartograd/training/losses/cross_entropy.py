"""Cross-entropy: the negative log-likelihood of the true class, from logits.

It is minus the logarithm of the softmax probability that the model gives to the right class. From
the logits the two are one numerically stable formula, and the gradient is simply the prediction
minus the target. Label smoothing spreads a share s of the target evenly over all classes.

    L = log sum_j e^(z_j) - z_target        dL/dz = softmax(z) - onehot(target)
    smoothed: L = (1 - s) (-log p_target) + s mean_j (-log p_j)

Shapes: logits `... k`, classes last; targets `...`; losses `...`, one per example.

Departures: none. Scores of half precision are summed in float32.

References:
    John Bridle. Training stochastic model recognition algorithms as networks can lead to maximum
    mutual information estimation of parameters. NIPS 1989.
    https://proceedings.neurips.cc/paper/1989/hash/0336dcbab05b9d5ad24f4333c7658a0e-Abstract.html
    Christian Szegedy et al. Rethinking the Inception architecture for computer vision. CVPR 2016
    (label smoothing). https://arxiv.org/abs/1512.00567

>>> logits = torch.tensor([[0.6, 0.4]]).log()
>>> round(cross_entropy(logits, torch.tensor([0])).item(), 3)
0.511
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="cross-entropy",
    kind="loss",
    entry="cross_entropy",
    nodes=("loss/cross-entropy",),
    title="Cross-entropy",
    zh="交叉熵损失",
    paper="Training stochastic model recognition algorithms as networks can lead to maximum "
    "mutual information estimation of parameters",
    year=1989,
    url="https://proceedings.neurips.cc/paper/1989/hash/0336dcbab05b9d5ad24f4333c7658a0e-Abstract.html",
    proofs=(
        "oracle: torch.nn.functional.cross_entropy, with and without label smoothing, values and "
        "gradients to 1e-10 in float64",
        "law: the gradient is softmax - onehot; finite at scores of 1e4; smoothing is "
        "cross-entropy against the smoothed distribution",
        "paper: the notes' worked examples 0.155, 2.303 and [-0.4, 0.4]",
    ),
    evidence={
        "loss/cross-entropy": (
            "test_worked_examples_of_the_notes",
            "test_worked_gradient_of_the_notes",
        ),
    },
    renamed={"smoothing": "label_smoothing"},
)


def cross_entropy(
    logits: Float[Tensor, "*n k"], targets: Int[Tensor, "*n"], /, *, label_smoothing: float = 0.0
) -> Float[Tensor, "*n"]:
    """-log softmax(logits)[target] for each example.

    Args:
        logits: one for each class.
        targets: the right classes.
        label_smoothing: share of the target that is spread evenly over all classes.
    """
    log_p = torch.log_softmax(logits, -1, dtype=torch.promote_types(logits.dtype, torch.float32))
    # Torch's kernel for -log_p[target]: a gather would cost a tiny network a fifth of its step,
    # and bringing a plain batch into another shape and back a twentieth.
    if logits.ndim == 2:
        loss = F.nll_loss(log_p, targets, reduction="none")
    else:
        flat = F.nll_loss(log_p.reshape(-1, log_p.shape[-1]), targets.reshape(-1), reduction="none")
        loss = flat.view_as(targets)
    if label_smoothing:
        loss = (1 - label_smoothing) * loss - label_smoothing * log_p.mean(-1)
    return loss
