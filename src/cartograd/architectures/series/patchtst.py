"""PatchTST: a series in patches, which a Transformer reads as words.

A single step says little, and attention between all steps is dear; a patch of steps in a row holds
a shape, and there are far fewer of them. Each patch becomes a token, an encoder lets all of them
look at each other, and one layer says the steps to come from all tokens together.

    patches = (s + stride - p) / stride + 1,    z = encoder(W_p patch_i + position_i)

Shapes: inputs `b c s`: the target, covariates, and what is known of the step a horizon later;
answers `b t 3`.

Departures: a patch holds all columns (the paper reads each column as a series of its own); norms
are those of layers, before each part, in place of batch normalisation; quantiles in place of a
point.

References:
    Yuqi Nie, Nam Nguyen, Phanwadee Sinthong, Jayant Kalagnanam. A time series is worth 64 words:
    long-term forecasting with Transformers. ICLR 2023. https://arxiv.org/abs/2211.14730

>>> model = PatchTST(channels=1, context=24, horizon=3, dim=8, heads=2, depth=1, ffn_dim=16)
>>> model(torch.randn(5, 1, 24)).shape, len(model.places)
(torch.Size([5, 3, 3]), 6)
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.architectures.series.ends import Ends, scaled
from cartograd.architectures.transformer.attention import MultiHeadAttention
from cartograd.architectures.transformer.block import Block
from cartograd.architectures.transformer.feed_forward import FeedForward
from cartograd.architectures.transformer.positions import Positions
from cartograd.core.card import Card
from cartograd.training.regularization.dropout import Dropout

CARD = Card(
    name="patchtst",
    kind="model",
    entry="PatchTST",
    nodes=("attention/self", "transformer/residual-layernorm"),
    title="PatchTST (a Transformer of patches)",
    zh="PatchTST（分块时间序列 Transformer）",
    paper="A time series is worth 64 words: long-term forecasting with Transformers",
    year=2023,
    url="https://arxiv.org/abs/2211.14730",
    proofs=(
        "paper: 42 patches of 16 steps, 8 apart, in 336 steps",
        "law: patches are the steps of the window, the last one repeated behind it",
        "law: another unit of the series is another unit of the forecast",
    ),
    tiny={
        "channels": 2,
        "context": 12,
        "horizon": 3,
        "patch_size": 4,
        "dim": 8,
        "heads": 2,
        "depth": 1,
        "ffn_dim": 12,
        "dropout": 0.0,
    },
    objective="forecast",
)


class PatchTST(nn.Module):
    """A Transformer encoder of patches, and a layer for the steps to come.

    Args:
        channels: columns of the series.
        context: steps of the past.
        horizon: steps to come.
        patch_size: steps of a patch; the next one begins half as many later.
        dim: features of a token.
        heads: attention heads.
        depth: number of blocks.
        ffn_dim: hidden features of the feed-forward parts.
        dropout: probability that a number of a part's output is set to zero in training.
    """

    kinds = ("series",)
    places: Tensor

    def __init__(
        self,
        *,
        channels: int,
        context: int,
        horizon: int,
        patch_size: int = 8,
        dim: int = 64,
        heads: int = 4,
        depth: int = 2,
        ffn_dim: int = 128,
        dropout: float = 0.1,
    ):
        super().__init__()
        size = min(patch_size, context)
        self.stride = max(1, size // 2)
        starts = torch.arange(0, context + self.stride - size + 1, self.stride)
        places = starts[:, None] + torch.arange(size)
        self.register_buffer("places", places, persistent=False)
        self.embed = nn.Linear(channels * size, dim)
        self.positions = Positions(dim=dim, context=len(starts), kind="learned")
        self.blocks = nn.ModuleList(
            Block(
                attention=MultiHeadAttention(dim=dim, heads=heads),
                feed_forward=FeedForward(dim=dim, ffn_dim=ffn_dim, activation="gelu"),
                dropout=dropout,
            )
            for _ in range(depth)
        )
        self.norm, self.dropout = nn.LayerNorm(dim), Dropout(dropout=dropout)
        self.head = nn.Linear(len(starts) * dim, 3 * horizon)
        self.ends = Ends(horizon)

    def forward(self, x: Float[Tensor, "b c s"]) -> Float[Tensor, "b t 3"]:
        """Low end, middle and high end of each step."""
        z, level, spread = scaled(x)
        order = torch.arange(len(self.places), device=x.device)
        tokens = self.dropout(self.embed(self.patches(z)) + self.positions(order))
        for block in self.blocks:
            tokens = block(tokens)
        said = self.head(self.norm(tokens).flatten(1)).unflatten(1, (-1, 3))
        return self.ends(said, level, spread)

    def patches(self, z: Float[Tensor, "b c s"], /) -> Float[Tensor, "b t d"]:
        """All columns of each patch; the window's last step is repeated behind it."""
        longer = F.pad(z, (0, self.stride), mode="replicate")
        return longer[:, :, self.places].transpose(1, 2).flatten(2)
