"""Codes of classes: each class has a middle and a spread of its own among the codes.

The flow is the same for all classes; what is standard normal is a code after its class's middle is
taken off and its spread divided out. So densities, codes and samples of a class are exact, too.

    z' = (z - m_y) exp(-s_y),    log |det| = -sum s_y,    |s_y| <= 2

Shapes: codes `b d`, classes ` b`.

References:
    Diederik Kingma, Prafulla Dhariwal. Glow: generative flow with invertible 1x1 convolutions.
    NeurIPS 2018, section 5 (the prior that is told the class). https://arxiv.org/abs/1807.03039
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.generative.flows.bends import bounded

BOUND = 2.0
"""The most that the logarithm of a spread may be, either way."""


class ClassPrior(nn.Module):
    """A middle and a spread for each class; all begin at 0 and 1.

    Args:
        classes: how many.
        dims: numbers of a code.
    """

    def __init__(self, classes: int, dims: int, /):
        super().__init__()
        self.middle = nn.Parameter(torch.zeros(classes, dims))
        self.spread = nn.Parameter(torch.zeros(classes, dims))

    def forward(
        self, z: Float[Tensor, "b d"], y: Int[Tensor, " b"] | None
    ) -> tuple[Float[Tensor, "b d"], Float[Tensor, " b"]]:
        """Standard normal codes, and the log-determinant."""
        middle, spread = self._of(y)
        return (z - middle) * (-spread).exp(), -spread.sum(1)

    def inverse(self, z: Float[Tensor, "b d"], y: Int[Tensor, " b"] | None) -> Float[Tensor, "b d"]:
        """Codes around the middles of their classes."""
        middle, spread = self._of(y)
        return z * spread.exp() + middle

    def _of(self, y: Tensor | None) -> tuple[Tensor, Tensor]:
        if y is None:
            raise UsageError(
                "the density is one of classes and was given none; give the class of each example, "
                "or train with classes=none"
            )
        return self.middle[y], bounded(self.spread[y], BOUND)
