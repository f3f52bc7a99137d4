"""ALiBi: attention fades with distance, faster in some heads than in others.

Instead of position embeddings, each attention score gets a penalty proportional to the distance of
query and key. There is nothing to learn and no greatest position, so that a model trained on short
texts works on longer ones.

    score_(i, j) <- score_(i, j) - m_h |i - j|,     m_h = 2^(-8 h / heads),  h = 1 ... heads

Shapes: scores `b h t s`; the bias `1 h t s`, for queries that stand at the end of the keys.

Departures: where the heads are no power of two, slopes are those of the next smaller power, and
every second one of twice as many, as in the authors' code.

References:
    Ofir Press, Noah Smith, Mike Lewis. Train short, test long: attention with linear biases enables
    input length extrapolation. 2021, ICLR 2022. https://arxiv.org/abs/2108.12409

>>> ALiBi(heads=2).bias(1, 3).flatten().tolist()
[-0.125, -0.0625, 0.0, -0.0078125, -0.00390625, 0.0]
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card

CARD = Card(
    name="alibi",
    kind="layer",
    entry="ALiBi",
    nodes=("transformer/positional-encoding",),
    title="Linear biases (ALiBi)",
    zh="线性偏置位置编码（ALiBi）",
    paper="Train short, test long: attention with linear biases enables input length extrapolation",
    year=2021,
    url="https://arxiv.org/abs/2108.12409",
    proofs=(
        "oracle: the slopes of transformers' BLOOM, for powers of two and other numbers of heads",
        "law: the bias falls by the head's slope for each step of distance",
    ),
    evidence={"transformer/positional-encoding": ("test_slopes_of_bloom",)},
    tiny={"heads": 4},
)


class ALiBi(nn.Module):
    """Distances as biases of attention scores.

    Args:
        heads: of the queries.
    """

    slopes: Tensor

    def __init__(self, *, heads: int):
        super().__init__()
        self.register_buffer("slopes", torch.tensor(_slopes(heads)), persistent=False)

    def forward(self, fits: Float[Tensor, "b h t s"]) -> Float[Tensor, "b h t s"]:
        """Attention scores minus the penalty on distance."""
        return fits + self.bias(*fits.shape[2:]).to(fits.dtype)

    def bias(self, t: int, s: int, /) -> Float[Tensor, "1 h t s"]:
        """The bias of the scores of the last t of s positions with all s."""
        keys = torch.arange(s, device=self.slopes.device)
        distance = (keys[s - t :, None] - keys).abs()
        return self.slopes[None, :, None, None] * -distance


def _slopes(heads: int) -> list[float]:
    power = 2 ** math.floor(math.log2(heads))
    own = [2 ** (-8 * (h + 1) / power) for h in range(power)]
    between = [2 ** (-4 * (h + 1) / power) for h in range(0, 2 * (heads - power), 2)]
    return own + between
