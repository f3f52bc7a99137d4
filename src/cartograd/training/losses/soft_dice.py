"""Soft Dice: how far the probabilities of a picture's pixels are from covering its masks.

The share of pixels that are right hardly notices a class that fills one pixel in a hundred. Dice
counts each class alike, whatever its size: here with probabilities in the place of answers, so that
it has a gradient.

    L = 1 - mean_k (2 sum_i p_ik t_ik + 1) / (sum_i p_ik + sum_i t_ik + 1)

The 1 above and below makes nothing against nothing a loss of 0, so that a class which is not in a
picture only costs what is said of it.

References:
    Fausto Milletari, Nassir Navab, Seyed-Ahmad Ahmadi. V-Net: fully convolutional neural networks
    for volumetric medical image segmentation. 3DV 2016. https://arxiv.org/abs/1606.04797
    Fabian Isensee et al. nnU-Net: a self-configuring method for deep learning-based biomedical
    image segmentation. Nature Methods 18, 2021 (beside cross-entropy).
    https://doi.org/10.1038/s41592-020-01008-z

>>> sure = 20.0 * torch.tensor([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
>>> round(soft_dice(sure, torch.tensor([[0, 0, 1]])).item(), 6)
0.0
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

SMOOTH = 1.0
"""What is added above and below, in pixels."""


def soft_dice(
    logits: Float[Tensor, "b t k"], targets: Int[Tensor, "b t"], /
) -> Float[Tensor, " b"]:
    """The loss of each picture, its pixels in a row; a target below 0 does not count."""
    chances = logits.softmax(-1, dtype=torch.promote_types(logits.dtype, torch.float32))
    known = (targets >= 0).to(chances.dtype)[..., None]
    true = F.one_hot(targets.clamp(min=0), logits.shape[-1]).to(chances.dtype) * known
    both, size = (chances * true).sum(1), (chances * known).sum(1) + true.sum(1)
    return 1 - ((2 * both + SMOOTH) / (size + SMOOTH)).mean(1)
