"""Positions: attention ignores order, so a vector for each position is added to the input.

Sinusoidal positions are waves from fast to slow, like the digits of a number: no weights, any
length, and moving by a step is the same rotation everywhere. Learned positions are a table with one
row per position, and end where the table ends. Rotary and ALiBi positions work inside attention
instead (`rotary`, `alibi`).

    paper:          p_(t, 2i) = sin(t / base^(2i/d)),       p_(t, 2i+1) = cos(t / base^(2i/d))
    tensor2tensor:  p_(t, i) = sin(t / base^(i/(d/2-1))),  p_(t, d/2+i) = cos(the same)
    learned:        p_t = weight_t

Shapes: positions `... t` of integers; vectors `... t d`.

Departures: the authors' code has the two halves side by side and ends exactly at 1/base, unlike
their paper; Whisper follows the code. Both are here.

References:
    Ashish Vaswani et al. Attention is all you need. NeurIPS 2017.
    https://arxiv.org/abs/1706.03762
    Jonas Gehring et al. Convolutional sequence to sequence learning (learned positions). ICML 2017.
    https://arxiv.org/abs/1705.03122

>>> Positions(dim=4)(torch.arange(2)).tolist()[0]
[0.0, 1.0, 0.0, 1.0]
"""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="positions",
    kind="layer",
    entry="Positions",
    nodes=("transformer/positional-encoding",),
    title="Sinusoidal and learned positions",
    zh="正弦与可学习位置编码",
    paper="Attention is all you need",
    year=2017,
    url="https://arxiv.org/abs/1706.03762",
    proofs=(
        "law: the paper's formula, term by term; a step forward is one rotation of each pair, "
        "wherever it is taken",
        "oracle: transformers' sinusoidal embeddings of Whisper, which are tensor2tensor's halves",
        "law: a learned place is its own row and gets its own gradient",
    ),
    evidence={
        "transformer/positional-encoding": (
            "test_the_papers_formula",
            "test_a_learned_place_is_its_row",
            "claim:positions-extrapolate",
        ),
    },
    tiny={"dim": 8},
)


class Positions(nn.Module):
    """A vector for each position.

    Args:
        dim: features of the vectors, an even number.
        context: positions that a learned table has.
        kind: `sinusoidal` (interleaved), `halves` or `learned`.
        base: the slowest wave of the sinusoids takes about 2 pi times as many steps.

    Raises:
        UsageError: an odd `dim` cannot be sines and cosines.
    """

    def __init__(
        self,
        *,
        dim: int,
        context: int = 512,
        kind: Literal["sinusoidal", "halves", "learned"] = "sinusoidal",
        base: float = 10_000.0,
    ):
        super().__init__()
        if dim % 2 and kind != "learned":
            raise UsageError(f"positions: dim={dim} is odd; sines and cosines come in pairs")
        self.dim, self.kind, self.base = dim, kind, base
        if kind == "learned":
            self.weight = nn.Parameter(0.02 * torch.randn(context, dim))

    def forward(self, places: Int[Tensor, "..."]) -> Float[Tensor, "... d"]:
        """The vectors of some positions."""
        if self.kind == "learned":
            return F.embedding(places, self.weight)
        return sinusoidal(places, dim=self.dim, halves=self.kind == "halves", base=self.base)


def sinusoidal(
    places: Int[Tensor, "..."], /, *, dim: int, halves: bool = False, base: float = 10_000.0
) -> Float[Tensor, "... d"]:
    """Sines and cosines of positions, interleaved or in two halves, in torch's default type."""
    half = dim // 2
    steps = torch.arange(half, device=places.device, dtype=torch.float64)
    exponents = steps / (max(half - 1, 1) if halves else half)
    angles = places[..., None].double() * base**-exponents
    both = angles.sin(), angles.cos()
    waves = torch.cat(both, -1) if halves else torch.stack(both, -1).flatten(-2)
    return waves.to(torch.get_default_dtype())
