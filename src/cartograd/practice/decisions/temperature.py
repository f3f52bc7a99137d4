"""Temperature scaling: one number that makes a network as sure as it is right.

Logits are divided by the temperature under which the validation examples are likeliest. The order
of the classes stays, and so does the accuracy. In 1 / T the loss is convex, so its slope is
brought to zero by halving.

    T = argmin  mean -log softmax(z / T)_target      (of labels: of the sigmoids of each)

References:
    Chuan Guo, Geoff Pleiss, Yu Sun, Kilian Weinberger. On calibration of modern neural networks.
    ICML 2017. https://arxiv.org/abs/1706.04599

>>> import torch
>>> z = torch.tensor([[4.0, 0.0], [4.0, 0.0], [4.0, 0.0], [4.0, 0.0]])
>>> round(temperature(z, torch.tensor([0, 0, 0, 1])), 3)  # 4 / log 3: right three times of four
3.641
"""

import math

from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional as F


def temperature(
    logits: Float[Tensor, "n k"], targets: Shaped[Tensor, "n ..."], /, *, most: float = 20.0
) -> float:
    """The temperature of a network's logits.

    Args:
        logits: of the validation examples; a single one stands for the second of two classes.
        targets: their classes; or of each label whether it holds.
        most: it is at most this, and at least its inverse: few examples may ask for any.
    """
    z = logits.detach().cpu().double()
    if targets.ndim == 1 and z.shape[1] == 1:
        z = F.pad(z, (1, 0))
    low, high = -math.log(most), math.log(most)
    for _ in range(60):
        middle = (low + high) / 2
        if _slope(z, targets, math.exp(middle)) > 0:
            high = middle
        else:
            low = middle
    return math.exp(-(low + high) / 2)


def _slope(z: Tensor, targets: Tensor, inverse: float) -> float:
    """The derivative of the loss by the inverse of the temperature."""
    if targets.ndim == 1:
        expected = ((z * inverse).softmax(1) * z).sum(1)
        return float((expected - z.gather(1, targets.long()[:, None])[:, 0]).mean())
    return float((((z * inverse).sigmoid() - targets) * z).mean())
