"""The mapping network: from a latent to a style, and the mean style to which one can be drawn.

Styles need not be as likely as latents are: the network may bend the space so that single features
lie along lines. Pulled towards the mean style, pictures become more usual and less varied
(truncation).

    w = f(z / sqrt(mean z^2)),    w' = mean w + psi (w - mean w)

Shapes: latents and styles `b d`, classes `b`.

References:
    Tero Karras, Samuli Laine, Timo Aila. A style-based generator architecture for generative
    adversarial networks. CVPR 2019. https://arxiv.org/abs/1812.04948

>>> mapping = Mapping(6, depth=2)
>>> z = torch.randn(3, 6)
>>> torch.allclose(mapping(z), mapping(5 * z), atol=1e-4)
True
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.generative.gan.stylegan.equalised import EqualisedLinear, bent

RATE, KEPT, EPS = 0.01, 0.995, 1e-8
"""How fast the layers learn, the share of the mean style that stays, and what keeps from zero."""


class Mapping(nn.Module):
    """Dense layers from a latent (and a class) to a style of as many numbers.

    Args:
        latent: numbers of both.
        depth: layers.
        classes: how many there are to tell it of, or None.
    """

    mean: Tensor

    def __init__(self, latent: int, /, *, depth: int, classes: int | None = None):
        super().__init__()
        self.told = None if classes is None else nn.Embedding(classes, latent)
        before = latent if classes is None else 2 * latent
        sizes = [before, *[latent] * depth]
        self.layers = nn.ModuleList(EqualisedLinear(one, latent, rate=RATE) for one in sizes[:-1])
        self.register_buffer("mean", torch.zeros(latent))

    def forward(
        self, z: Float[Tensor, "b d"], y: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, "b d"]:
        """A style for each latent; in training the mean style follows."""
        h = of_one_size(z)
        if y is not None and self.told is not None:
            h = torch.cat([h, of_one_size(self.told(y))], dim=1)
        for layer in self.layers:
            h = bent(layer(h))
        if self.training:
            with torch.no_grad():
                self.mean.lerp_(h.mean(0).to(self.mean), 1 - KEPT)
        return h

    def truncated(self, w: Float[Tensor, "... d"], psi: float, /) -> Float[Tensor, "... d"]:
        """Styles drawn to the mean one: 1 leaves them, at 0 all are the same."""
        return self.mean + psi * (w - self.mean)


def of_one_size(x: Float[Tensor, "b d"], /) -> Float[Tensor, "b d"]:
    """Rows whose mean square is 1."""
    return x * (x.square().mean(1, keepdim=True) + EPS).rsqrt()
