"""Numbers as whole ones modulo 2^64: fixed points, shares that add up, products that wrap around.

Arithmetic of int64 tensors wraps around, which is arithmetic modulo 2^64. A number is kept in units
of 2^-16 (or of another power); its shares are whole numbers of which all but one are uniform, and
the last makes the sum right, so fewer than all of them say nothing.

References:
    Octavian Catrina, Amitabh Saxena. Secure computation with fixed-point numbers. FC 2010.
    https://doi.org/10.1007/978-3-642-14577-3_6
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional as F

from cartograd.core.errors import UsageError
from cartograd.frontier.federated.masks import stretched

LARGEST = 2.0**24
"""Numbers have to be smaller, so that products of them fit."""


def fixed(x: Float[Tensor, "*n"], fraction_bits: int, /) -> Int[Tensor, "*n"]:
    """Numbers in units of `2^-fraction_bits`.

    >>> fixed(torch.tensor([1.5, -0.25]), 4).tolist()
    [24, -4]

    Raises:
        UsageError: one is not finite, or too large.
    """
    if not bool((x.abs() < LARGEST).all()):
        raise UsageError(
            f"a number of {float(x.abs().max()):g} does not fit into shares; expected finite ones "
            f"below {LARGEST:g}"
        )
    return (x.double() * 2.0**fraction_bits).round().long()


def floating(x: Int[Tensor, "*n"], fraction_bits: int, /) -> Float[Tensor, "*n"]:
    """The numbers that whole ones stand for."""
    return (x.double() / 2.0**fraction_bits).float()


def shifted(x: Int[Tensor, "*n"], places: int, /) -> Int[Tensor, "*n"]:
    """The bits of a number without a sign, moved down.

    >>> shifted(torch.tensor([-1]), 60).item()
    15
    """
    return (x >> places) & ((1 << (64 - places)) - 1)


class Stream:
    """Uniform whole numbers of 64 bits, a SHAKE-256 stream.

    Args:
        secret: what it follows from.
    """

    def __init__(self, secret: bytes, /):
        self.secret, self.taken = secret, 0

    def draw(self, shape: Sequence[int], /) -> Int[Tensor, "*n"]:
        """The next numbers."""
        self.taken += 1
        count = torch.Size(shape).numel()
        return stretched(self.secret, self.taken, count).reshape(tuple(shape))

    def shares(self, value: Int[Tensor, "*n"], parties: int, /) -> Int[Tensor, "m ..."]:
        """Numbers that add up to a value, one for each party."""
        others = self.draw((parties - 1, *value.shape))
        return torch.cat([others, (value - others.sum(0))[None]])

    def bit_shares(self, value: UInt8[Tensor, "*n"], parties: int, /) -> UInt8[Tensor, "m ..."]:
        """Bits of which an odd number is set where the value is."""
        others = self.bits((parties - 1, *value.shape))
        return torch.cat([others, ((value + others.sum(0)) & 1).to(torch.uint8)[None]])

    def bits(self, shape: Sequence[int], /) -> UInt8[Tensor, "*n"]:
        """Uniform bits."""
        count = torch.Size(shape).numel()
        words = self.draw((-(-count // 8),)).view(torch.uint8)
        return (words[:count] & 1).reshape(tuple(shape))


def windows(
    x: Int[Tensor, "b c y x"], size: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> Int[Tensor, "b c v u *n"]:
    """The parts of pictures that filters see, by place."""
    for axis, (extent, step, gap) in enumerate(zip(size, stride, dilation, strict=True), 2):
        x = x.unfold(axis, (extent - 1) * gap + 1, step)[..., ::gap]
    return x


def convolved(
    x: Int[Tensor, "b c y x"],
    filters: Int[Tensor, "d c2 v u"],
    /,
    *,
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
) -> Int[Tensor, "b d y2 x2"]:
    """A convolution of whole numbers, which torch has none of.

    >>> x, f = torch.randint(9, (2, 4, 5, 5)), torch.randint(9, (6, 2, 3, 3))
    >>> right = F.conv2d(x.double(), f.double(), stride=2, padding=1, groups=2)
    >>> found = convolved(x, f, stride=(2, 2), padding=(1, 1), groups=2)
    >>> torch.equal(found.double(), right)
    True
    """
    x = F.pad(x, (padding[1], padding[1], padding[0], padding[0]))
    seen = windows(x, filters.shape[2:], stride, dilation)
    b, _, high, wide = seen.shape[:4]
    rows = seen.reshape(b, groups, -1, high * wide, filters[0, 0].numel())
    rows = rows.transpose(2, 3).reshape(b, groups, high * wide, -1)
    weights = filters.reshape(groups, len(filters) // groups, -1)
    return (rows @ weights.mT).transpose(2, 3).reshape(b, len(filters), high, wide)
