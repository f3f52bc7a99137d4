"""Convolutions from pictures to a smaller grid of vectors, and back.

References:
    Aäron van den Oord, Oriol Vinyals, Koray Kavukcuoglu. Neural discrete representation learning.
    NeurIPS 2017, section 4.1. https://arxiv.org/abs/1711.00937
"""

from jaxtyping import Float
from torch import Tensor, nn


class Residual(nn.Module):
    """A 3x3 and a 1x1 convolution, added to what came in."""

    def __init__(self, width: int, /):
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 1)
        )

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """What came in, and what was found around it."""
        return x + self.layers(x)


def to_grid(channels: int, dim: int, /, *, width: int, depth: int, scales: int) -> nn.Sequential:
    """Halve the sides so often, then look around; `dim` numbers at each place."""
    layers: list[nn.Module] = []
    for i in range(scales):
        layers += [nn.ReLU()] if i else []
        layers.append(nn.Conv2d(width if i else channels, width, 4, stride=2, padding=1))
    layers += [Residual(width) for _ in range(depth)]
    return nn.Sequential(*layers, nn.ReLU(), nn.Conv2d(width, dim, 1))


def from_grid(dim: int, channels: int, /, *, width: int, depth: int, scales: int) -> nn.Sequential:
    """Look around, then double the sides so often."""
    layers: list[nn.Module] = [nn.Conv2d(dim, width, 3, padding=1)]
    layers += [Residual(width) for _ in range(depth)]
    for i in range(scales):
        after = channels if i == scales - 1 else width
        layers += [nn.ReLU(), nn.ConvTranspose2d(width, after, 4, stride=2, padding=1)]
    return nn.Sequential(*layers)
