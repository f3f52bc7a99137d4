"""Networks that say a bend's parameters: dense for vectors, convolutions for pictures.

Their last layers begin at zero, so additive, affine and spline couplings begin as the identity.

References:
    Diederik Kingma, Prafulla Dhariwal. Glow: generative flow with invertible 1x1 convolutions.
    NeurIPS 2018. https://arxiv.org/abs/1807.03039
    Jonathan Ho, Xi Chen, Aravind Srinivas, Yan Duan, Pieter Abbeel. Flow++: improving flow-based
    generative models with variational dequantization and architecture design. ICML 2019.
    https://arxiv.org/abs/1902.00275
"""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.foundations.activations.layer import Activation
from cartograd.generative.diffusion.unet import SelfAttention, zeroed


def dense(
    before: int, after: int, /, *, widths: tuple[int, ...], activation: str = "relu"
) -> nn.Sequential:
    """A multilayer perceptron."""
    sizes = (before, *widths)
    hidden = [
        layer
        for one, two in pairwise(sizes)
        for layer in (nn.Linear(one, two), Activation(activation))
    ]
    last = nn.Linear(sizes[-1], after)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*hidden, last)


def three_convolutions(before: int, after: int, /, *, width: int) -> nn.Sequential:
    """Glow's network: 3x3, 1x1 and 3x3."""
    return nn.Sequential(
        nn.Conv2d(before, width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, width, 1),
        nn.ReLU(),
        zeroed(nn.Conv2d(width, after, 3, padding=1)),
    )


class GatedNet(nn.Module):
    """Gated residual convolutions, after each of which positions may attend to each other.

    Args:
        before: channels in.
        after: channels out.
        width: channels inside, a multiple of 8.
        depth: how many residual blocks.
        attention: whether positions attend to each other.
    """

    def __init__(self, before: int, after: int, /, *, width: int, depth: int, attention: bool):
        super().__init__()
        self.first = nn.Conv2d(before, width, 3, padding=1)
        self.blocks = nn.ModuleList()
        for _ in range(depth):
            self.blocks.append(GatedBlock(width))
            self.blocks.extend([SelfAttention(width)] if attention else [])
        self.last = zeroed(nn.Conv2d(width, after, 3, padding=1))

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c2 y x"]:
        """Parameters of a bend."""
        h = self.first(x)
        for block in self.blocks:
            h = block(h)
        return self.last(F.elu(h))


class GatedBlock(nn.Module):
    """Two convolutions whose answer is let through by gates of its own."""

    def __init__(self, width: int, /):
        super().__init__()
        self.norm = nn.GroupNorm(1, width)
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.gates = nn.Conv2d(width, 2 * width, 1)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """`x`, and what is let through."""
        h = self.conv(F.elu(self.norm(x)))
        return x + F.glu(self.gates(F.elu(h)), dim=1)
