"""StyleGAN2: a latent becomes a style, and the style steers each layer of a network of pictures.

Coarse layers decide on the whole and fine ones on details; a picture may take the one from one
latent and the other from another (style mixing). Drawn to the mean style, pictures become more
usual and less varied: `truncation` of `sample`. The critic, the penalties and the augmentations
belong to the objective `stylegan2-game`.

Shapes: noise `b d`, classes `b`, pictures `b c y x`.

Departures: sides of 4 to 7 times a power of two begin at that number, the paper's begin at 4. The
noise that the layers add is a hash of an example's latent in training; in use it is the same for
all pictures, so that a walk between two does not flicker.

References:
    Tero Karras and others. Analyzing and improving the image quality of StyleGAN. CVPR 2020.
    https://arxiv.org/abs/1912.04958
    Tero Karras, Samuli Laine, Timo Aila. A style-based generator architecture for generative
    adversarial networks. CVPR 2019. https://arxiv.org/abs/1812.04948

>>> import torch
>>> model = StyleGAN2(channels=1, size=28, latent=16, width=4, max_width=8, depth=2)
>>> model(torch.randn(3, 16)).shape
torch.Size([3, 1, 28, 28])
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.generative.gan.stylegan.mapping import Mapping
from cartograd.generative.gan.stylegan.random_numbers import normal
from cartograd.generative.gan.stylegan.synthesis import Synthesis

CARD = Card(
    name="stylegan2",
    kind="model",
    entry="StyleGAN2",
    nodes=("gan/stylegan",),
    title="StyleGAN2",
    zh="StyleGAN2 风格生成器",
    paper="Analyzing and improving the image quality of StyleGAN",
    year=2020,
    url="https://arxiv.org/abs/1912.04958",
    proofs=(
        "law: a modulated convolution is the same for a style and seven times it, and is that with "
        "weights of each example's own, to 1e-10",
        "law: the layers' noise changes nothing at first; no truncation leaves one picture",
        "law: styles mixed from a layer on change what comes from there alone",
        "law: all weights are stored at size 1",
        "paper: 30,370,060 weights of the generator for FFHQ, 29,012,513 of the critic, exactly",
    ),
    evidence={
        "gan/stylegan": (
            "test_styles_mixed_from_a_layer_on_change_what_comes_from_there_alone",
            "test_without_truncation_left_all_pictures_are_the_mean_one",
            "acceptance:stylegan-digits",
        ),
    },
    tiny={
        "channels": 1,
        "size": 8,
        "classes": 3,
        "latent": 6,
        "width": 2,
        "max_width": 4,
        "depth": 2,
    },
    objective="stylegan2-game",
    answers="generate",
)

PRESETS = {
    "stylegan2-ffhq": {"size": 1024, "channels": 3, "width": 32},
    "stylegan2-ffhq-256": {"size": 256, "channels": 3, "width": 128},
}

LAYERS = 1
"""Purpose of the random numbers that the layers add."""


class StyleGAN2(nn.Module):
    """From noise to pictures.

    Args:
        channels: of a picture.
        size: its side: 4 to 7 times a power of two.
        classes: how many there are to tell the model of; None trains without them.
        latent: numbers of noise, and of a style.
        width: channels at the full size; they double with each halving.
        max_width: most channels.
        depth: layers of the mapping network.

    Raises:
        UsageError: there are no such pictures.
    """

    def __init__(
        self,
        *,
        channels: int,
        size: int,
        classes: int | None = None,
        latent: int = 512,
        width: int = 32,
        max_width: int = 512,
        depth: int = 8,
    ):
        super().__init__()
        self.mapping = Mapping(latent, depth=depth, classes=classes)
        self.synthesis = Synthesis(
            channels=channels, size=size, latent=latent, width=width, max_width=max_width
        )

    def forward(
        self, noise: Float[Tensor, "b d"], y: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, "b c y x"]:
        """One picture for each row of noise."""
        return self.pictures(self.styles(noise, y), noise)

    def styles(
        self, noise: Float[Tensor, "b d"], y: Int[Tensor, " b"] | None = None, /
    ) -> Float[Tensor, "b n d"]:
        """The style of each layer: for all the same."""
        w = self.mapping(noise, y)
        return w[:, None].expand(-1, self.synthesis.layers, -1)

    def pictures(
        self, w: Float[Tensor, "b n d"], noise: Float[Tensor, "b d"], /
    ) -> Float[Tensor, "b c y x"]:
        """Of styles for each layer; the layers' own noise is made of `noise` in training."""
        seed = noise if self.training else torch.ones_like(noise[:1])
        added = normal(seed, self.synthesis.noises, purpose=LAYERS)
        return self.synthesis(w, added.expand(len(w), -1))

    def truncated(
        self, noise: Float[Tensor, "b d"], psi: float, y: Int[Tensor, " b"] | None = None, /
    ) -> Float[Tensor, "b c y x"]:
        """Pictures whose styles are drawn to the mean one; 1 leaves them as they are."""
        return self.pictures(self.mapping.truncated(self.styles(noise, y), psi), noise)
