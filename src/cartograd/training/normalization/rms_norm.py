"""Root-mean-square normalisation: layer normalisation without the mean.

What matters in layer normalisation is the scale; not subtracting the mean saves a pass over the
features and the bias, and costs nothing in quality. Most large language models use it.

    y = weight x / sqrt(mean(x^2) + eps),   over the last dimension

Shapes: `... d`, kept; weight ` d`.

Departures: none. Half precision is squared in float32, as LLaMA does.

References:
    Biao Zhang, Rico Sennrich. Root mean square layer normalization. NeurIPS 2019.
    https://arxiv.org/abs/1910.07467

>>> RMSNorm(features=2)(torch.tensor([[3.0, 4.0]])).square().mean().round(decimals=3).item()
1.0
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card

CARD = Card(
    name="rms-norm",
    kind="normalisation",
    entry="RMSNorm",
    nodes=("norm/rms",),
    title="RMS normalisation",
    zh="均方根归一化",
    paper="Root mean square layer normalization",
    year=2019,
    url="https://arxiv.org/abs/1910.07467",
    proofs=(
        "oracle: torch.nn.RMSNorm, outputs and gradients to 1e-10 in float64",
        "law: stretching an example changes nothing; without a mean it is layer normalisation",
    ),
    evidence={
        "norm/rms": ("test_equals_torch_with_gradients", "test_llama_computes_our_rms_norm"),
    },
    tiny={"features": 4},
    renamed={"floor": "eps"},
)


class RMSNorm(nn.Module):
    """Normalisation of the last dimension by its root mean square.

    Args:
        features: size of the last dimension.
        eps: added to the mean square.
    """

    def __init__(self, *, features: int, eps: float = 1e-6):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(features))

    def forward(self, x: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """Each example's features by their own root mean square."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        size = (wide.square().mean(-1, keepdim=True) + self.eps).sqrt()
        return self.weight * (wide / size).to(x.dtype)
