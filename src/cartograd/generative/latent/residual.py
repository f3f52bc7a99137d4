"""The residual block of latent diffusion's networks.

References:
    Robin Rombach and others. High-resolution image synthesis with latent diffusion models. CVPR
    2022. https://arxiv.org/abs/2112.10752
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class Residual(nn.Module):
    """Two convolutions around which the map is carried; what is told is added between them.

    Args:
        before: channels that come in.
        after: channels that go out.
        told: numbers that tell the block of the time; 0 where it is told nothing.
        groups: of channels that are normalised together.
        eps: added to the variances.
    """

    def __init__(
        self, before: int, after: int, /, *, groups: int, told: int = 0, eps: float = 1e-5
    ):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, before, eps=eps)
        self.norm2 = nn.GroupNorm(groups, after, eps=eps)
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.told = nn.Linear(told, after) if told else None
        self.carry = nn.Identity() if before == after else nn.Conv2d(before, after, 1)

    def forward(
        self, x: Float[Tensor, "b c y x"], told: Float[Tensor, "b d"] | None = None
    ) -> Float[Tensor, "b c2 y x"]:
        """A new map."""
        h = self.conv1(F.silu(self.norm1(x)))
        if self.told is not None and told is not None:
            h = h + self.told(told)[:, :, None, None]
        return self.carry(x) + self.conv2(F.silu(self.norm2(h)))
