"""Couplings: half of the numbers say how the others are bent.

The half that says it stays as it is. So undoing a coupling needs no inverse of its network, only of
the bend, and the determinant is the product of the bend's slopes.

    y_a = x_a,    y_b = bend(x_b; net(x_a)),    log |det| = sum log bend'(x_b)

References:
    Laurent Dinh, David Krueger, Yoshua Bengio. NICE: non-linear independent components estimation.
    ICLR workshop 2015. https://arxiv.org/abs/1410.8516
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.generative.flows.bends import Bend
from cartograd.generative.flows.halves import EverySecond, Halves
from cartograd.generative.flows.nets import dense


class Coupling(nn.Module):
    """One coupling.

    Args:
        halves: how an example is divided.
        bend: what is done with the numbers of the second half.
        net: from the first half to the parameters of the bend, `m` blocks of channels or numbers.
    """

    def __init__(self, halves: Halves, bend: Bend, net: nn.Module, /):
        super().__init__()
        self.halves, self.bend, self.net = halves, bend, net

    def forward(
        self, x: Float[Tensor, "b ..."], told: Float[Tensor, "b ..."] | None = None
    ) -> tuple[Tensor, Float[Tensor, " b"]]:
        """The image and the log-determinant; the network may be told more than the first half."""
        a, b = self.halves.apart(x)
        b, slope = self.bend(b, self._said(a, told))
        return self.halves.together(a, b), slope.flatten(1).sum(1)

    def inverse(
        self, z: Float[Tensor, "b ..."], told: Float[Tensor, "b ..."] | None = None
    ) -> Float[Tensor, "b ..."]:
        """What is mapped to `z`: the first half is the same on both sides."""
        a, b = self.halves.apart(z)
        return self.halves.together(a, self.bend.inverse(b, self._said(a, told)))

    def _said(self, a: Tensor, told: Tensor | None) -> Tensor:
        given = a if told is None else torch.cat([a, told], dim=1)
        return self.net(given).unflatten(1, (self.bend.count, -1))


def dense_couplings(
    features: int, bend: Bend, /, *, depth: int, widths: tuple[int, ...], activation: str
) -> list[nn.Module]:
    """Couplings of vectors, each with a dense network; the halves take turns.

    Raises:
        UsageError: there is nothing to divide.
    """
    if features < 2:
        raise UsageError(
            f"features={features} cannot be divided in halves; couplings need 2 or more, and one "
            "number alone is the case of maf"
        )
    couplings: list[nn.Module] = []
    for i in range(depth):
        halves = EverySecond(odd=bool(i % 2))
        own, other = halves.sizes(features)
        net = dense(own, bend.count * other, widths=widths, activation=activation)
        couplings.append(Coupling(halves, bend, net))
    return couplings


def couplings(
    every: Sequence[Halves], bend: Bend, channels: int, net: Callable[[int, int], nn.Module], /
) -> list[nn.Module]:
    """Couplings of pictures.

    Args:
        every: how each divides them.
        bend: what each does.
        channels: of the pictures.
        net: makes a network from so many channels to so many.
    """
    found: list[nn.Module] = []
    for halves in every:
        own, other = halves.sizes(channels)
        found.append(Coupling(halves, bend, net(own, bend.count * other)))
    return found
