"""Flows over pictures at several sizes: pixels become channels, and half of these are done early.

A squeeze makes a 2x2 square of pixels four channels. Then half of the channels are a part of the
code, and only the others go on to the next size, which saves work where fine detail needs little.
What has left early is normal around a middle that the others say (a learned prior), or standard
normal. All parts stay in the code, so that decoding gives back the very example.

    z = [(b - m(a)) exp(-s(a)), f(a)],    a, b = halves of the channels

Shapes: pictures `b c y x`; a code is flat, `b d`.

References:
    Laurent Dinh, Jascha Sohl-Dickstein, Samy Bengio. Density estimation using Real NVP. ICLR 2017,
    sections 3.6 and 4. https://arxiv.org/abs/1605.08803
    Diederik Kingma, Prafulla Dhariwal. Glow: generative flow with invertible 1x1 convolutions.
    NeurIPS 2018. https://arxiv.org/abs/1807.03039
"""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.errors import UsageError
from cartograd.generative.diffusion.unet import zeroed
from cartograd.generative.flows.bends import Affine
from cartograd.generative.flows.coupling import Coupling
from cartograd.generative.flows.flow import back, through
from cartograd.generative.flows.halves import Channels


class Squeeze(nn.Module):
    """Each square of four pixels becomes one of four times the channels."""

    def forward(self, x: Float[Tensor, "b c y x"]) -> tuple[Tensor, Float[Tensor, " b"]]:
        """No number changes."""
        return F.pixel_unshuffle(x, 2), torch.zeros_like(x[:, 0, 0, 0])

    def inverse(self, z: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c2 y2 x2"]:
        """The squares again."""
        return F.pixel_shuffle(z, 2)


class Flatten(nn.Module):
    """A picture as a row of numbers.

    Args:
        shape: of the picture.
    """

    def __init__(self, shape: tuple[int, ...], /):
        super().__init__()
        self.shape = shape

    def forward(self, x: Float[Tensor, "b ..."]) -> tuple[Tensor, Float[Tensor, " b"]]:
        """No number changes."""
        return x.flatten(1), torch.zeros_like(x.flatten(1)[:, 0])

    def inverse(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b ..."]:
        """The picture."""
        return z.reshape(z.shape[0], *self.shape)


class FactorOut(nn.Module):
    """Half of the channels are done; the others go on.

    Args:
        shape: of what comes in; its channels are even.
        rest: what the others go through, to a flat code.
        learned: whether the others say the middle and spread of those that are done.
    """

    def __init__(self, shape: tuple[int, int, int], rest: Sequence[nn.Module], /, *, learned: bool):
        super().__init__()
        half = shape[0] // 2
        self.shape = (half, *shape[1:])
        self.rest = nn.ModuleList(rest)
        net = zeroed(nn.Conv2d(half, 2 * half, 3, padding=1))
        self.prior = Coupling(Channels(odd=False), Affine(), net) if learned else None

    def forward(self, x: Float[Tensor, "b c y x"]) -> tuple[Tensor, Float[Tensor, " b"]]:
        """The whole code, that of the others last."""
        total = torch.zeros_like(x[:, 0, 0, 0])
        if self.prior is not None:
            x, total = self.prior(x)
        a, b = x.chunk(2, dim=1)
        z, later = through(self.rest, a)
        return torch.cat([b.flatten(1), z], dim=1), total + later

    def inverse(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b c y x"]:
        """The channels of this code."""
        own = math.prod(self.shape)
        b = z[:, :own].reshape(z.shape[0], *self.shape)
        x = torch.cat([back(self.rest, z[:, own:]), b], dim=1)
        return x if self.prior is None else self.prior.inverse(x)


def multi_scale(
    shape: tuple[int, int, int],
    scales: int,
    /,
    *,
    before: Callable[[tuple[int, int, int]], Sequence[nn.Module]],
    after: Callable[[tuple[int, int, int]], Sequence[nn.Module]],
    learned: bool,
) -> list[nn.Module]:
    """Layers for pictures of this shape, at so many sizes below the first.

    Args:
        shape: channels, height and width.
        scales: how many squeezes.
        before: layers ahead of each squeeze, of the shape there.
        after: layers behind it.
        learned: whether what leaves early has a learned prior.

    Raises:
        UsageError: the sides cannot be halved so often.
    """
    channels, height, width = shape
    if height % 2 or width % 2:
        size = f"{height} x {width}"
        raise UsageError(
            f"pictures of {size} pixels cannot be halved {scales} more time"
            f"{'s' * (scales > 1)}; expected even sides: fewer scales=, or another size of the "
            "pictures (size= of the data)"
        )
    inside = 4 * channels, height // 2, width // 2
    layers = [*before(shape), Squeeze(), *after(inside)]
    if scales == 1:
        return [*layers, Flatten(inside)]
    smaller = inside[0] // 2, *inside[1:]
    rest = multi_scale(smaller, scales - 1, before=before, after=after, learned=learned)
    return [*layers, FactorOut(inside, rest, learned=learned)]
