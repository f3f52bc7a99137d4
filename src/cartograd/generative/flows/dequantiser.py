"""Variational dequantisation: noise between levels of grey that a flow has learned to place.

Even noise asks the density to be flat within each cell. Noise of a second flow, which is told the
picture, may gather where the density is smooth and high; by Jensen's inequality what it says is
still a bound of the log-probability.

    log P(x) >= E_q(u|x) [log p((x + u) / L) - log q(u | x)]

The flow begins at logistic numbers, whose sigmoid is even noise: before any training this is
uniform dequantisation exactly, and training both together raises the same bound.

Shapes: pictures `b c y x` in [0, 1] with even sides.

References:
    Jonathan Ho, Xi Chen, Aravind Srinivas, Yan Duan, Pieter Abbeel. Flow++: improving flow-based
    generative models with variational dequantization and architecture design. ICML 2019.
    https://arxiv.org/abs/1902.00275
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.errors import unknown
from cartograd.generative.flows.bends import Affine
from cartograd.generative.flows.coupling import Coupling
from cartograd.generative.flows.halves import Checkerboard
from cartograd.generative.flows.levels import EvenNoise, Noise
from cartograd.generative.flows.nets import GatedNet

LEAST = 1e-6
"""Even noise is kept so far from 0 and 1, where a logit has its poles."""


class Dequantiser(nn.Module):
    """Learned noise.

    Args:
        shape: of a picture.
        depth: couplings of its flow.
        width: channels of their networks, a multiple of 8.
    """

    def __init__(self, shape: tuple[int, int, int], /, *, depth: int, width: int):
        super().__init__()
        channels, bend = shape[0], Affine()
        self.even = EvenNoise(shape)
        self.couplings = nn.ModuleList()
        for i in range(depth):
            halves = Checkerboard(odd=bool(i % 2))
            own, other = halves.sizes(channels)
            net = GatedNet(
                own + 4 * channels, bend.count * other, width=width, depth=1, attention=False
            )
            self.couplings.append(Coupling(halves, bend, net))

    def forward(
        self, x: Float[Tensor, "b c y x"], number: int = 0
    ) -> tuple[Tensor, Float[Tensor, " b"]]:
        """Noise for each picture, and minus the logarithm of its density."""
        e = self.even(x, number)[0].clamp(LEAST, 1 - LEAST).logit()
        seen = F.pixel_unshuffle(2 * x - 1, 2)
        gain = -_slope(e)
        for coupling in self.couplings:
            e, one = coupling(e, seen)
            gain = gain + one
        return e.sigmoid(), gain + _slope(e)


def _slope(e: Tensor) -> Tensor:
    """The logarithm of the slope of the sigmoid, which is the logistic density."""
    return (F.logsigmoid(e) + F.logsigmoid(-e)).flatten(1).sum(1)


def noise_of(dequantisation: str, shape: tuple[int, int, int], /) -> Noise | None:
    """Noise by its name, for a flow over pictures of this shape; None is even noise.

    Raises:
        UsageError: there is no such noise.
    """
    if dequantisation not in ("uniform", "variational"):
        raise unknown("dequantisation", dequantisation, ("uniform", "variational"))
    return Dequantiser(shape, depth=4, width=16) if dequantisation == "variational" else None
