"""Which noise an example is joined to: any, or those of a batch so that the ways are short.

Where examples and noises are paired at random their ways cross, and a network that learns the mean
of crossing ways bends them. Paired so that the squared distances of a batch are least together, the
ways cross less: they are learned with less variance, and followed in fewer steps. In the limit of
large batches that is optimal transport.

    pairs = argmin over permutations p of sum_i |x_i - noise_p(i)|^2

Within each class alone where there are classes: noise that was chosen by a class would no longer be
standard normal, as it is in sampling.

Shapes: examples and noise `b ...`, classes `b`; the permutation `b`.

Departures: the assignment is exact (no entropic transport), so each noise is taken once.

References:
    Alexander Tong, Kilian Fatras, Nikolay Malkin, Guillaume Huguet, Yanlei Zhang, Jarrid
    Rector-Brooks, Guy Wolf, Yoshua Bengio. Improving and generalizing flow-based generative models
    with minibatch optimal transport. TMLR 2024. https://arxiv.org/abs/2302.00482
    Aram-Alexandre Pooladian, Heli Ben-Hamu, Carles Domingo-Enrich, Brandon Amos, Yaron Lipman,
    Ricky Chen. Multisample flow matching: straightening flows with minibatch couplings. ICML 2023.
    https://arxiv.org/abs/2304.14772

>>> x, noise = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[0.3], [0.1], [0.2]])
>>> nearest_pairs(x, noise)
tensor([1, 2, 0])
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

COUPLINGS = ("independent", "optimal")
"""As the noise was drawn, or the pairs of the least squared distance."""


def nearest_pairs(
    x: Float[Tensor, "b ..."], noise: Float[Tensor, "b ..."], y: Int[Tensor, " b"] | None = None, /
) -> Int[Tensor, " b"]:
    """The number of the noise of each example.

    Args:
        x: examples.
        noise: as many.
        y: classes within which they are paired; None pairs all.
    """
    from scipy.optimize import linear_sum_assignment

    pairs = torch.empty(len(x), dtype=torch.long, device=x.device)
    far = torch.cdist(x.flatten(1).double(), noise.flatten(1).double()).square().cpu()
    y = torch.zeros_like(pairs) if y is None else y
    for one in y.unique():
        rows = (y == one).nonzero().flatten()
        own = rows.cpu()
        _, order = linear_sum_assignment(far[own][:, own].numpy())
        pairs[rows] = rows[torch.from_numpy(order).to(rows.device)]
    return pairs
