"""DiT: a transformer that takes noise away, its blocks steered by the time and the class.

A picture is a row of patches with fixed positions. What a block is told shifts and scales its
normalised inputs, and opens a gate on its answers. The gates are shut at first, and the last layer
is zero: a new network is the identity within and answers exactly 0 (adaLN-Zero).

    x = x + g1 attention(n(x) (1 + s1) + b1),    x = x + g2 mlp(n(x) (1 + s2) + b2)
    b1, s1, g1, b2, s2, g2 = W silu(told),    told = mlp(waves(time)) + embedding(class)

Shapes: noisy pictures `b c y x`, times `b`, classes `b`; answers `b c2 y x`, c2 = c `outputs`.

Departures: pictures that patches do not fill are extended by zeros at the right and below.

References:
    William Peebles, Saining Xie. Scalable diffusion models with transformers. ICCV 2023.
    https://arxiv.org/abs/2212.09748

>>> with torch.device("meta"):
...     model = DiT(channels=4, size=32, classes=1000, dim=1152, depth=28, heads=16, outputs=2)
>>> sum(weight.numel() for weight in model.parameters())
674834720
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.architectures.transformer.attention import MultiHeadAttention
from cartograd.architectures.transformer.feed_forward import FeedForward
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.generative.diffusion.told import waves

CARD = Card(
    name="dit",
    kind="layer",
    entry="DiT",
    nodes=("diffusion/ddpm",),
    title="DiT (diffusion transformer)",
    zh="DiT（扩散 Transformer）",
    paper="Scalable diffusion models with transformers",
    year=2023,
    url="https://arxiv.org/abs/2212.09748",
    proofs=(
        "oracle: diffusers' DiTTransformer2DModel with the same weights and the paper's "
        "frequencies, to 1e-10 in float64",
        "law: a new network answers exactly 0",
        "paper: 675,129,632 numbers of DiT-XL/2, its 294,912 fixed positions among them",
    ),
    tiny={"channels": 1, "size": 4, "classes": 3, "dim": 8, "depth": 1, "heads": 2},
)

WAVES = 256
"""Numbers by which a time is told."""


class DiT(nn.Module):
    """A transformer of noisy patches.

    Args:
        channels: of the pictures.
        size: height and width of a picture.
        classes: how many, so that `classes` itself stands for none of them; None without any.
        patch_size: height and width of a patch.
        dim: features of a patch, a multiple of 4.
        depth: number of blocks.
        heads: number of heads of each attention.
        dropout: share of the hidden features that are dropped in each block.
        outputs: answers, each of the shape of a picture.

    Raises:
        UsageError: positions in two directions cannot share the features.
    """

    def __init__(
        self,
        *,
        channels: int,
        size: int,
        classes: int | None = None,
        patch_size: int = 2,
        dim: int = 128,
        depth: int = 4,
        heads: int = 4,
        dropout: float = 0.0,
        outputs: int = 1,
    ):
        super().__init__()
        if dim % 4:
            raise UsageError(f"dit: dim={dim} is no multiple of 4, as positions in a plane need it")
        self.patch, self.across = patch_size, -(-size // patch_size)
        self.first = nn.Linear(channels * patch_size**2, dim)
        self.register_buffer("positions", plane(self.across, dim), persistent=False)
        self.time = nn.Sequential(nn.Linear(WAVES, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.classes = None if classes is None else nn.Embedding(classes + 1, dim)
        self.blocks = nn.ModuleList(Block(dim, heads, dropout=dropout) for _ in range(depth))
        self.steer = nn.Linear(dim, 2 * dim)
        self.last = nn.Linear(dim, channels * outputs * patch_size**2)
        self._begin()

    def _begin(self) -> None:
        """The paper's first weights."""
        nn.init.xavier_uniform_(self.first.weight)
        nn.init.zeros_(self.first.bias)
        for layer in (self.time[0], self.time[2], self.classes):
            if layer is not None:
                nn.init.normal_(layer.weight, std=0.02)  # pyright: ignore[reportArgumentType]
        for layer in (self.steer, self.last):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self,
        x: Float[Tensor, "b c y x"],
        time: Float[Tensor, " b"],
        y: Int[Tensor, " b"] | None = None,
    ) -> Float[Tensor, "b c2 y x"]:
        """What is predicted."""
        height, width = x.shape[-2:]
        whole = self.across * self.patch
        h = F.pad(x, (0, whole - width, 0, whole - height))
        h = F.pixel_unshuffle(h, self.patch).flatten(2).mT
        h = self.first(h) + self.positions
        told = self.time(waves(time, WAVES))
        told = F.silu(told if self.classes is None else told + self.classes(y))
        for block in self.blocks:
            h = block(h, told)
        shift, scale = self.steer(told)[:, None].chunk(2, dim=-1)
        h = self.last(steered(h, shift, scale)).mT.unflatten(2, (self.across, self.across))
        return F.pixel_shuffle(h, self.patch)[..., :height, :width]


class Block(nn.Module):
    """Attention and a feed-forward part, steered.

    Args:
        dim: features of a patch.
        heads: of the attention.
        dropout: share of the hidden features that are dropped.
    """

    def __init__(self, dim: int, heads: int, /, *, dropout: float):
        super().__init__()
        self.attention = MultiHeadAttention(dim=dim, heads=heads)
        self.feed_forward = FeedForward(
            dim=dim, ffn_dim=4 * dim, activation="gelu-tanh", dropout=dropout
        )
        self.steer = nn.Linear(dim, 6 * dim)
        nn.init.zeros_(self.steer.weight)
        nn.init.zeros_(self.steer.bias)

    def forward(
        self, x: Float[Tensor, "b t d"], told: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b t d"]:
        """`x` and what the gates let through."""
        shift1, scale1, gate1, shift2, scale2, gate2 = self.steer(told)[:, None].chunk(6, dim=-1)
        x = x + gate1 * self.attention(steered(x, shift1, scale1))
        return x + gate2 * self.feed_forward(steered(x, shift2, scale2))


def steered(
    x: Float[Tensor, "b t d"], shift: Float[Tensor, "b 1 d"], scale: Float[Tensor, "b 1 d"], /
) -> Float[Tensor, "b t d"]:
    """Normalised features, scaled and shifted by what is told."""
    return F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale) + shift


def plane(across: int, dim: int, /) -> Float[Tensor, "t d"]:
    """Sines and cosines of the places in a square, row by row.

    The first half tells the column, the second the row; each has its sines first.
    """
    places = torch.arange(across, dtype=torch.float64)
    rates = 10_000 ** -(torch.arange(dim // 4, dtype=torch.float64) / (dim // 4))
    angles = places[:, None] * rates
    one = torch.cat([angles.sin(), angles.cos()], dim=1)
    both = [one.expand(across, -1, -1), one[:, None].expand(-1, across, -1)]
    return torch.cat(both, dim=2).flatten(0, 1).float()
