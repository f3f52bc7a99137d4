"""Max-sensitivity: how much an explanation changes when the input hardly does.

    max over |e| <= radius of  |A(x + e) - A(x)| / |A(x)|

References:
    Chih-Kuan Yeh, Cheng-Yu Hsieh, Arun Sai Suggala, David I. Inouye, Pradeep Ravikumar. On the
    (in)fidelity and sensitivity of explanations. NeurIPS 2019. https://arxiv.org/abs/1901.09392
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor


def max_sensitivity(
    explain: Callable[[Tensor], Tensor],
    x: Float[Tensor, "b ..."],
    /,
    *,
    radius: float = 0.02,
    samples: int = 10,
    seed: int = 0,
) -> Float[Tensor, " b"]:
    """The largest change of an explanation by its size, over random inputs in a cube.

    NaN where the explanation is all zeros: it has no size to compare a change with.

    Args:
        explain: gives an attribution for each input.
        x: the inputs.
        radius: half the side of the cube, in the units of the inputs.
        samples: inputs that are drawn in it.
        seed: of these.
    """
    generator = torch.Generator().manual_seed(seed)
    own = explain(x).flatten(1).double()
    worst = torch.zeros(len(x), dtype=torch.float64, device=x.device)
    for _ in range(samples):
        noise = 2 * torch.rand(x.shape, generator=generator, dtype=torch.float64) - 1
        moved = explain(x + radius * noise.to(x)).flatten(1).double()
        worst = torch.maximum(worst, (moved - own).norm(dim=1))
    size = own.norm(dim=1)
    return torch.where(size > 0, worst / size, torch.nan)
