"""The U-Net of latent diffusion: codes of pictures, told by the tokens of a text.

Residual blocks are told the time. At all sizes but the smallest each is followed by a transformer
block over the places: they attend to each other, then to the tokens, then each is worked on alone
behind a gate (GEGLU). Its answer is added to the map that came in.

Shapes: codes `b c y x`, sides that can be halved at each size; times `b`; tokens `b s d`; answers
`b c y x`.

Departures: none from the sizes and the order of Stable Diffusion 1's; new weights are torch's own,
but for the last layers of transformers and of the network, which are zero.

References:
    Robin Rombach, Andreas Blattmann, Dominik Lorenz, Patrick Esser, Björn Ommer. High-resolution
    image synthesis with latent diffusion models. CVPR 2022. https://arxiv.org/abs/2112.10752
    Noam Shazeer. GLU variants improve transformer. 2020. https://arxiv.org/abs/2002.05202

>>> with torch.device("meta"):
...     model = LatentUNet()
>>> sum(weight.numel() for weight in model.parameters())
859520964
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.architectures.transformer.attention import MultiHeadAttention
from cartograd.architectures.transformer.feed_forward import FeedForward
from cartograd.core.card import Card
from cartograd.generative.diffusion.told import waves
from cartograd.generative.diffusion.unet import Larger, zeroed
from cartograd.generative.latent.residual import Residual

CARD = Card(
    name="latent-unet",
    kind="layer",
    entry="LatentUNet",
    nodes=("diffusion/latent",),
    title="U-Net of latent diffusion",
    zh="潜在扩散的 U-Net",
    paper="High-resolution image synthesis with latent diffusion models",
    year=2022,
    url="https://arxiv.org/abs/2112.10752",
    proofs=(
        "oracle: diffusers' UNet2DConditionModel with the same weights, to 1e-10 in float64",
        "paper: 859,520,964 parameters of Stable Diffusion 1.5",
    ),
    evidence={
        "diffusion/latent": (
            "test_the_published_unet_has_its_count",
            "acceptance:text-to-image",
        ),
    },
    tiny={"channels": 1, "widths": (8, 8), "blocks": 1, "heads": 2, "memory_dim": 4, "groups": 2},
)


class LatentUNet(nn.Module):
    """A U-Net whose places attend to a text.

    Args:
        channels: of the codes.
        widths: channels at each size, each half the one before.
        blocks: residual blocks at each size on the way down; one more on the way up.
        heads: of each attention.
        memory_dim: features of a token.
        groups: of channels that are normalised together.
    """

    def __init__(
        self,
        *,
        channels: int = 4,
        widths: tuple[int, ...] = (320, 640, 1280, 1280),
        blocks: int = 2,
        heads: int = 8,
        memory_dim: int = 768,
        groups: int = 32,
    ):
        super().__init__()
        told, self.width = 4 * widths[0], widths[0]
        made = {"told": told, "heads": heads, "memory_dim": memory_dim, "groups": groups}
        self.time = nn.Sequential(nn.Linear(self.width, told), nn.SiLU(), nn.Linear(told, told))
        self.first = nn.Conv2d(channels, self.width, 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        before, kept, last = self.width, [self.width], len(widths) - 1
        for size, own in enumerate(widths):
            for _ in range(blocks):
                self.down.append(Stage(before, own, attends=size < last, **made))
                kept.append(own)
                before = own
            if size < last:
                self.down.append(nn.Conv2d(own, own, 3, stride=2, padding=1))
                kept.append(own)
        self.middle = Stage(before, before, attends=True, **made)
        self.after = Residual(before, before, told=told, groups=groups)
        for size, own in reversed(list(enumerate(widths))):
            for _ in range(blocks + 1):
                self.up.append(Stage(before + kept.pop(), own, attends=size < last, **made))
                before = own
            if size:
                self.up.append(Larger(own, own))
        self.norm = nn.GroupNorm(groups, self.width)
        self.last = zeroed(nn.Conv2d(self.width, channels, 3, padding=1))

    def forward(
        self,
        x: Float[Tensor, "b c y x"],
        time: Float[Tensor, " b"],
        memory: Float[Tensor, "b s d"],
    ) -> Float[Tensor, "b c y x"]:
        """What is predicted."""
        told = F.silu(self.time(waves(time, self.width).to(x.dtype)))
        h = self.first(x)
        kept = [h]
        for part in self.down:
            h = part(h, told, memory) if isinstance(part, Stage) else part(h)
            kept.append(h)
        h = self.after(self.middle(h, told, memory), told)
        for part in self.up:
            if isinstance(part, Stage):
                h = part(torch.cat([h, kept.pop()], dim=1), told, memory)
            else:
                h = part(h)
        return self.last(F.silu(self.norm(h)))


class Stage(nn.Module):
    """A residual block, and a transformer block behind it at all but the smallest size."""

    def __init__(
        self,
        before: int,
        after: int,
        /,
        *,
        attends: bool,
        told: int,
        heads: int,
        memory_dim: int,
        groups: int,
    ):
        super().__init__()
        self.block = Residual(before, after, told=told, groups=groups)
        self.attention = None
        if attends:
            self.attention = Places(after, heads=heads, memory_dim=memory_dim, groups=groups)

    def forward(
        self,
        x: Float[Tensor, "b c y x"],
        told: Float[Tensor, "b d"],
        memory: Float[Tensor, "b s d2"],
    ) -> Float[Tensor, "b c2 y x"]:
        """A new map."""
        x = self.block(x, told)
        return x if self.attention is None else self.attention(x, memory)


class Places(nn.Module):
    """A transformer block over the places of a map, around which the map is carried."""

    def __init__(self, width: int, /, *, heads: int, memory_dim: int, groups: int):
        super().__init__()
        self.norm = nn.GroupNorm(groups, width, eps=1e-6)
        self.inside = nn.Conv2d(width, width, 1)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.own = MultiHeadAttention(dim=width, heads=heads, biases="o")
        self.cross = MultiHeadAttention(dim=width, heads=heads, biases="o", memory_dim=memory_dim)
        self.feed_forward = FeedForward(dim=width, ffn_dim=4 * width, activation="geglu-exact")
        self.outside = zeroed(nn.Conv2d(width, width, 1))

    def forward(
        self, x: Float[Tensor, "b c y x"], memory: Float[Tensor, "b s d"]
    ) -> Float[Tensor, "b c y x"]:
        """The map, and what its places have found."""
        first, second, third = self.norms
        h = self.inside(self.norm(x)).flatten(2).mT
        h = h + self.own(first(h))
        h = h + self.cross(second(h), memory=memory)
        h = h + self.feed_forward(third(h))
        return x + self.outside(h.mT.unflatten(2, x.shape[2:]))
