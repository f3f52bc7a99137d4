"""Vision Transformer: an image is a sentence of patches.

Cut into squares, each a vector by one linear map, an image goes through the same blocks as text. A
learned class token collects what the output needs. Neither locality nor translation invariance is
built in: with little data convolutions do better, with very much it is no handicap.

    x_0 = [class, E patch_1, ..., E patch_n] + positions       x_l = block_l(x_(l-1)), norms before
    logits = norm(x_L)_class W + b

Shapes: input `b c y x`, square; logits `b k`. Images of 64 pixels and less are cut into patches of
4 (of a quarter if that is less), larger ones of 16.

Departures: none. An image that patches do not fill is extended by zeros at the right and below.

References:
    Alexey Dosovitskiy et al. An image is worth 16x16 words: transformers for image recognition at
    scale. 2020, ICLR 2021. https://arxiv.org/abs/2010.11929
    Hugo Touvron et al. Training data-efficient image transformers (the sizes Ti and S). 2020, ICML
    2021. https://arxiv.org/abs/2012.12877

>>> with torch.device("meta"):
...     model = ViT()
>>> sum(weight.numel() for weight in model.parameters())
86567656
"""

import math
from copy import deepcopy

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.architectures.transformer.attention import MultiHeadAttention
from cartograd.architectures.transformer.block import Block
from cartograd.architectures.transformer.feed_forward import FeedForward
from cartograd.core.card import Card
from cartograd.training.normalization.layers import Rows, of_features
from cartograd.training.regularization.dropout import Dropout

CARD = Card(
    name="vit",
    kind="model",
    entry="ViT",
    nodes=("arch/vit",),
    title="Vision Transformer (ViT)",
    zh="视觉 Transformer（ViT）",
    paper="An image is worth 16x16 words: transformers for image recognition at scale",
    year=2020,
    url="https://arxiv.org/abs/2010.11929",
    proofs=(
        "oracle: torchvision's VisionTransformer with the same weights, outputs and gradients to "
        "1e-10 in float64",
        "oracle: transformers' ViTForImageClassification, through its own file: logits, hidden "
        "states and gradients to 1e-10 in float64",
        "oracle: timm's resample_abs_pos_embed, positions for pictures of another size to 1e-5",
        "law: without positions the order of the patches makes no difference",
        "paper: 5,717,416 / 22,050,664 / 86,567,656 / 304,326,632 parameters of Ti, S, B and L "
        "with patches of 16; 88,224,232 of B/32; 17.564 G multiply-adds of B/16",
    ),
    evidence={"arch/vit": ("test_counts", "test_equals_torchvision")},
    tiny={"channels": 3, "size": 8, "classes": 3, "dim": 8, "heads": 2, "depth": 2},
    renamed={"inner": "ffn_dim", "floor": "eps", "patch": "patch_size"},
)

PRESETS = {
    "vit-ti": {"dim": 192, "heads": 3},
    "vit-s": {"dim": 384, "heads": 6},
    "vit-b": {},
    "vit-b-32": {"patch_size": 32},
    "vit-l": {"dim": 1024, "heads": 16, "depth": 24},
}


class ViT(nn.Module):
    """A transformer of image patches.

    Args:
        size: height and width of the image.
        channels: of the image.
        classes: number of classes.
        patch_size: height and width of a patch; 16, or 4 and less up to 64 pixels, if not given.
        dim: features of a patch.
        heads: number of heads of each attention.
        depth: number of blocks.
        ffn_dim: hidden size of the feed-forward parts; four times `dim` if not given.
        norm: `layer`, `rms` or `none`.
        eps: added to the variance by the norms.
        dropout: probability that a number is set to zero in training.
    """

    def __init__(
        self,
        *,
        size: int = 224,
        channels: int = 3,
        classes: int = 1000,
        patch_size: int | None = None,
        dim: int = 768,
        heads: int = 12,
        depth: int = 12,
        ffn_dim: int | None = None,
        norm: Rows = "layer",
        eps: float = 1e-6,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.patch = patch_size or (16 if size > 64 else max(1, min(4, size // 4)))
        self.extra = -size % self.patch
        count = ((size + self.extra) // self.patch) ** 2
        self.patches = nn.Conv2d(channels, dim, self.patch, stride=self.patch)
        self.class_token = nn.Parameter(torch.zeros(dim))
        self.positions = nn.Parameter(torch.empty(count + 1, dim))
        self.dropout = Dropout(dropout=dropout)
        self.blocks = nn.ModuleList(
            Block(
                attention=MultiHeadAttention(dim=dim, heads=heads),
                feed_forward=FeedForward(
                    dim=dim, ffn_dim=ffn_dim or 4 * dim, activation="gelu", dropout=dropout
                ),
                norm=norm,
                eps=eps,
                dropout=dropout,
            )
            for _ in range(depth)
        )
        self.norm = of_features(dim, norm=norm, eps=eps)
        self.head = nn.Linear(dim, classes)
        nn.init.normal_(self.positions, std=0.02)
        nn.init.normal_(self.class_token, std=0.02)
        fan_in = channels * self.patch**2
        nn.init.trunc_normal_(self.patches.weight, std=fan_in**-0.5)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b k"]:
        """Logits."""
        return self.head(self.hidden(x)[:, 0])

    def hidden(self, x: Float[Tensor, "b c y x"], /) -> Float[Tensor, "b t d"]:
        """Features of the class token and of each patch."""
        x = F.pad(x, (0, self.extra, 0, self.extra)) if self.extra else x
        x = self.patches(x).flatten(2).mT  # b t d
        x = torch.cat([self.class_token.expand(x.shape[0], 1, -1), x], 1) + self.positions
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def resized(self, size: int, /) -> tuple["ViT", dict[str, int], str]:
        """The same network for pictures of another size: its positions are interpolated.

        Args:
            size: height and width of the pictures.

        Returns:
            The network, the arguments that change, and what was done, in words.
        """
        made, extra = deepcopy(self), -size % self.patch
        side, before = (size + extra) // self.patch, math.isqrt(len(self.positions) - 1)
        made.extra = extra
        made.positions = nn.Parameter(interpolated(self.positions.detach(), side))
        told = f"positions of {before}x{before} patches are interpolated to {side}x{side}"
        return made, {"size": size, "patch_size": self.patch}, told


def interpolated(positions: Float[Tensor, "t d"], side: int, /) -> Float[Tensor, "t1 d"]:
    """Positions of a square of patches for a square of another side, bicubic and antialiased.

    The first, that of the class token, stays as it is.
    """
    before = math.isqrt(len(positions) - 1)
    grid = positions[1:].T.unflatten(1, (before, before))[None]
    made = F.interpolate(grid, (side, side), mode="bicubic", antialias=True)
    return torch.cat([positions[:1], made[0].flatten(1).T])
