"""Keys and values as whole numbers of eight bits, with a step for each head and token.

    k_j ~ s q_j,   s = max_j |k_j| / 127,   q_j = round(k_j / s),   |k_j - s q_j| <= s / 2

The step is that of nobody else, so what was rounded does not change when more is.

Shapes: keys or values `... d`, steps `... 1`.

References:
    Ying Sheng et al. FlexGen: high-throughput generative inference of large language models with a
    single GPU. ICML 2023. https://arxiv.org/abs/2303.06865

>>> import torch
>>> whole_numbers(torch.tensor([[1.27, -0.5]]))[0].tolist()
[[127.0, -50.0]]
"""

from jaxtyping import Float
from torch import Tensor

MOST, TINY = 127, 1e-30
"""The largest whole number of eight bits, and the least step, of a head of zeros."""


def whole_numbers(
    x: Float[Tensor, "... d"], /
) -> tuple[Float[Tensor, "... d"], Float[Tensor, "... 1"]]:
    """Keys or values as multiples of a step for each head and token, and the steps."""
    x = x.float()
    step = x.abs().amax(-1, keepdim=True).div_(MOST).clamp_(min=TINY)
    return x.div(step).round_(), step
