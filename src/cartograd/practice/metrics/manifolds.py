"""The space that a set of examples takes up: a ball around each, as far as its k-th neighbour.

References:
    Tuomas Kynkäänniemi, Tero Karras, Samuli Laine, Jaakko Lehtinen, Timo Aila. Improved precision
    and recall metric for assessing generative models. NeurIPS 2019.
    https://arxiv.org/abs/1904.06991
    Muhammad Ferjad Naeem, Seong Joon Oh, Youngjung Uh, Yunjey Choi, Jaejun Yoo. Reliable fidelity
    and diversity metrics for generative models. ICML 2020. https://arxiv.org/abs/2002.09797
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cartograd.core.errors import UsageError


def within(
    points: Float[Tensor, "n d"], centres: Float[Tensor, "m d"], /, *, neighbors: int
) -> Bool[Tensor, "n m"]:
    """Which points lie in the ball of which centre.

    Args:
        points: of one set.
        centres: of another.
        neighbors: to which of its own set's neighbours a centre's ball reaches.

    Raises:
        UsageError: there are not so many neighbours.
    """
    if len(centres) <= neighbors:
        raise UsageError(
            f"neighbors={neighbors} needs more than {neighbors} examples in each set; there are "
            f"{len(centres)}"
        )
    own = torch.cdist(centres, centres, compute_mode="donot_use_mm_for_euclid_dist")
    radius = own.kthvalue(neighbors + 1, dim=1).values
    return torch.cdist(points, centres, compute_mode="donot_use_mm_for_euclid_dist") <= radius
