"""From a classifier's logits to probabilities."""

from jaxtyping import Float

from cartograd.core import arrays
from cartograd.core.arrays import Tensor


def class_probabilities(outputs: Float[Tensor, "b *n k1"], /) -> Float[Tensor, "b *n k"]:
    """Probabilities in float64 on the CPU; a single logit z stands for the two [0, z].

    >>> import torch
    >>> class_probabilities(torch.tensor([[0.0]])).tolist()
    [[0.5, 0.5]]
    """
    logits = arrays.double(outputs)
    if logits.shape[-1] == 1:
        logits = arrays.joined([logits * 0, logits], -1)
    return arrays.softmax(logits)
