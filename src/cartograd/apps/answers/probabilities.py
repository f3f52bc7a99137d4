"""From a classifier's logits to probabilities."""

import torch
from jaxtyping import Float
from torch import Tensor


def class_probabilities(outputs: Float[Tensor, "b *n k1"], /) -> Float[Tensor, "b *n k"]:
    """Probabilities in float64 on the CPU; a single logit z stands for the two [0, z].

    >>> class_probabilities(torch.tensor([[0.0]])).tolist()
    [[0.5, 0.5]]
    """
    logits = outputs.detach().double().cpu()
    if logits.shape[-1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], -1)
    return logits.softmax(-1)
