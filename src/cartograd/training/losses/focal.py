"""Focal loss: cross-entropy with a smaller weight for easy examples.

Where one class is rare, the many easy examples of the others drown its gradient even though each
of them has a small loss. Multiplying by the probability of being wrong, to the power gamma,
down-weights the easy ones; gamma 0 is cross-entropy.

    L = -(1 - p)^gamma log p,    p = softmax(z)_target

Shapes: logits `... k`, classes last; targets `...`; losses `...`, one per example.

Departures: the paper's weight of each class (alpha) is that of the objective (`class_weights`),
whose mean is by these weights; and where the paper has one sigmoid a class, here is a softmax over
them, as in the notes.

References:
    Tsung-Yi Lin, Priya Goyal, Ross Girshick, Kaiming He, Piotr Dollár. Focal loss for dense object
    detection. ICCV 2017. https://arxiv.org/abs/1708.02002

>>> loss = focal(torch.tensor([[0.9, 0.1], [0.1, 0.9]]).log(), torch.tensor([0, 0]))
>>> [round(number, 3) for number in loss.tolist()]
[0.001, 1.865]
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="focal",
    kind="loss",
    entry="focal",
    nodes=("loss/focal",),
    title="Focal loss",
    zh="焦点损失",
    paper="Focal loss for dense object detection",
    year=2017,
    url="https://arxiv.org/abs/1708.02002",
    proofs=(
        "oracle: gamma 0 is torch.nn.functional.cross_entropy; of two classes it is "
        "torchvision.ops.sigmoid_focal_loss; values and gradients to 1e-10 in float64",
        "law: finite at scores of 1e4; the rarer class has a larger share of the gradient than "
        "under cross-entropy",
    ),
    evidence={
        "loss/focal": (
            "test_without_focus_equals_torchs_cross_entropy",
            "test_the_rare_class_is_heard",
            "claim:focal-imbalance",
        ),
    },
)


def focal(
    logits: Float[Tensor, "*n k"], targets: Int[Tensor, "*n"], /, *, gamma: float = 2.0
) -> Float[Tensor, "*n"]:
    """(1 - p)^gamma (-log p) of the true class, for each example.

    Args:
        logits: one for each class.
        targets: the right classes.
        gamma: power of 1 - p that down-weights easy examples; 0 is cross-entropy.
    """
    log_p = torch.log_softmax(logits, -1, dtype=torch.promote_types(logits.dtype, torch.float32))
    log_true = log_p.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    # 1 - p through expm1 keeps its digits where p is near 1; the floor keeps the derivative of a
    # root (gamma below 1) finite at p = 1.
    wrong = (-torch.expm1(log_true)).clamp(min=torch.finfo(log_p.dtype).tiny)
    return -(wrong**gamma) * log_true
