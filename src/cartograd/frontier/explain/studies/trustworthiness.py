"""Trustworthiness: whether points that a picture puts together were together before.

Of each point's k nearest neighbours in the picture, those that are new are counted by how far down
they came from in the order of the original distances r:

    T(k) = 1 - 2 / (n k (2n - 3k - 1)) sum_i sum over new neighbours j of  (r(i, j) - k)

1 is perfect; points thrown at random have about one half.

References:
    Jarkko Venna, Samuel Kaski. Neighborhood preservation in nonlinear projection methods. ICANN
    2001. https://doi.org/10.1007/3-540-44668-0_68

>>> import torch
>>> x = torch.tensor([[0.0], [1.0], [2.0], [3.0], [9.0]])
>>> trustworthiness(x, x, k=1)
1.0
"""

import torch
from jaxtyping import Float
from torch import Tensor


def trustworthiness(x: Float[Tensor, "n d1"], view: Float[Tensor, "n d2"], /, *, k: int) -> float:
    """The share of neighbours in the picture that can be trusted.

    Args:
        x: the points as they were.
        view: where the picture puts them.
        k: neighbours, fewer than half of the points.
    """
    n = len(x)
    rank = torch.empty(n, n, dtype=torch.long, device=x.device)
    order = _apart(x).argsort(1)
    rank.scatter_(1, order, torch.arange(n, device=x.device).expand(n, n))
    near = _apart(view).topk(k, largest=False).indices
    excess = (rank.gather(1, near) + 1 - k).clamp(min=0).sum()
    return 1 - 2 * float(excess) / (n * k * (2 * n - 3 * k - 1))


def _apart(x: Tensor) -> Tensor:
    """Distances; a point is the last of its own neighbours."""
    return torch.cdist(x.double(), x.double()).fill_diagonal_(torch.inf)
