"""Complexity: on how much of the input an explanation spreads.

    entropy     - sum_j p_j ln p_j / ln n,    p_j = |a_j| / sum |a|: 1 if all counts the same
    gini        sum_j (2 j - n - 1) |a|_(j) / (n sum |a|): 0 if all counts the same, near 1 if one

References:
    Umang Bhatt, Adrian Weller, Jose M. F. Moura. Evaluating and aggregating feature-based model
    explanations. IJCAI 2020. https://arxiv.org/abs/2005.00631
    Prasad Chalasani, Jiefeng Chen, Amrita Roy Chowdhury, Somesh Jha, Xi Wu. Concise explanations of
    neural networks using adversarial training. ICML 2020. https://arxiv.org/abs/1810.06583

>>> import torch
>>> complexity(torch.tensor([[1.0, -1.0, 1.0, 1.0], [0.0, 0.0, -3.0, 0.0]])).tolist()
[1.0, 0.0]
>>> gini(torch.tensor([[1.0, -1.0, 1.0, 1.0], [0.0, 0.0, -3.0, 0.0]])).tolist()
[0.0, 0.75]
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def complexity(attribution: Float[Tensor, "b ..."], /) -> Float[Tensor, " b"]:
    """The entropy of the shares, by that of equal ones; NaN where nothing is attributed."""
    sizes = attribution.flatten(1).abs().double()
    shares = sizes / sizes.sum(1, keepdim=True)  # 0 / 0 is NaN
    return torch.special.entr(shares).sum(1) / max(math.log(sizes.shape[1]), 1e-300)


def gini(attribution: Float[Tensor, "b ..."], /) -> Float[Tensor, " b"]:
    """The Gini index of the sizes; NaN where nothing is attributed."""
    sizes = attribution.flatten(1).abs().double().sort(1).values
    n = sizes.shape[1]
    order = 2 * torch.arange(1, n + 1, device=sizes.device, dtype=sizes.dtype) - n - 1
    return (order * sizes).sum(1) / (n * sizes.sum(1))
