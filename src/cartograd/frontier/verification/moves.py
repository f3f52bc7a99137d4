"""Pictures that are turned or moved by any amount of a range: boxes that hold them all.

A turned picture has at each pixel what stands at another place, between four pixels (bilinear;
beyond the border there is the fill). While the amount moves by h, that place moves by no more than
rho, and the picture between pixels is no steeper than its steepest cell nearby, L:

    |v(t) - v(m)| <= L rho   for |t - m| <= h;    rho = r h (turned, r from the centre) or |h|

So an interval of amounts becomes a box of pictures, which is sound and not only sampled.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from cartograd.frontier.verification.rules import Box

ROOM = 1e-6
"""For the roundings of a picture that is made in the precision of the model."""

ROUND = 2
"""Pixels of fill around a picture; places beyond are these."""


@dataclass(frozen=True)
class Turned:
    """Turned about the centre, by radians."""

    range: tuple[tuple[float, float], ...]

    def places(self, amounts: Float[Tensor, "n 1"], y: Tensor, x: Tensor, /) -> tuple[Tensor, ...]:
        """Where each pixel is taken from."""
        cos, sin = amounts.cos()[:, :, None], amounts.sin()[:, :, None]
        return cos * y - sin * x, sin * y + cos * x

    def moved(self, half: Float[Tensor, "n 1"], y: Tensor, x: Tensor, /) -> Tensor:
        """By how much these places move at most."""
        return half[:, :, None] * (y.square() + x.square()).sqrt()


@dataclass(frozen=True)
class Moved:
    """Moved along rows and columns, by pixels."""

    range: tuple[tuple[float, float], ...]

    def places(self, amounts: Float[Tensor, "n 2"], y: Tensor, x: Tensor, /) -> tuple[Tensor, ...]:
        """Where each pixel is taken from."""
        return y - amounts[:, 0, None, None], x - amounts[:, 1, None, None]

    def moved(self, half: Float[Tensor, "n 2"], y: Tensor, x: Tensor, /) -> Tensor:
        """By how much these places move at most."""
        return half.square().sum(1).sqrt()[:, None, None].expand(-1, *(y + x).shape)


Way = Turned | Moved


@dataclass(frozen=True)
class Pictures:
    """The pictures that one becomes.

    Attributes:
        picture: the one.
        fill: what is beyond its border.
        way: how it is moved.
    """

    picture: Float[Tensor, "c y x"]
    fill: float
    way: Way

    def at(self, amounts: Float[Tensor, "n m"], /) -> Float[Tensor, "n c y x"]:
        """The pictures of these amounts."""
        return self._value(*self._places(amounts))

    def box(self, middle: Float[Tensor, "n m"], half: Float[Tensor, "n m"], /) -> Box:
        """All pictures of the amounts within half of the middles.

        No place may move by more than a pixel (`fine`).
        """
        value = self.at(middle)
        own, beside = self._grid()
        rho = self.way.moved(half, own, beside)[:, None]
        steep = self._steepness(*self._places(middle))
        reach = steep * rho + ROOM
        ends = torch.tensor([*self.picture.aminmax(), self.fill]).double()
        low, high = float(ends.min()) - ROOM, float(ends.max()) + ROOM
        return Box((value - reach).clamp(min=low), (value + reach).clamp(max=high))

    def fine(self, half: Float[Tensor, "n m"], /) -> Tensor:
        """Whether amounts this near move no place by more than a pixel."""
        return self.way.moved(half, *self._grid()).flatten(1).amax(1) <= 1

    def _grid(self) -> tuple[Tensor, Tensor]:
        """Rows and columns of the pixels from the centre."""
        height, width = self.picture.shape[1:]
        rows = torch.arange(height, dtype=torch.float64) - (height - 1) / 2
        columns = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
        return rows[:, None].expand(height, width), columns[None].expand(height, width)

    def _places(self, amounts: Tensor) -> tuple[Tensor, Tensor]:
        """Rows and columns of the places in the picture with its fill around."""
        places = self.way.places(amounts, *self._grid())
        sizes = self.picture.shape[1:]
        y, x = (
            (place + (size - 1) / 2).clamp(-ROUND, size - 1 + ROUND) + ROUND
            for place, size in zip(places, sizes, strict=True)
        )
        return y, x

    def _padded(self) -> Float[Tensor, "c y x"]:
        return F.pad(self.picture - self.fill, (ROUND,) * 4)

    def _value(self, y: Tensor, x: Tensor) -> Tensor:
        """The picture at places between pixels."""
        image = self._padded()
        top, left = (place.floor().clamp(max=size - 2).long() for place, size in
                     zip((y, x), image.shape[1:], strict=True))  # fmt: skip
        down, right = y - top, x - left
        above = image[:, top, left] * (1 - right) + image[:, top, left + 1] * right
        below = image[:, top + 1, left] * (1 - right) + image[:, top + 1, left + 1] * right
        return (above * (1 - down) + below * down).transpose(0, 1) + self.fill

    def _steepness(self, y: Tensor, x: Tensor) -> Tensor:
        """The steepest that the picture is within a pixel of places."""
        image = self._padded()
        across = (image[:, :, 1:] - image[:, :, :-1]).abs()
        along = (image[:, 1:] - image[:, :-1]).abs()
        steep = torch.hypot(
            torch.maximum(across[:, 1:], across[:, :-1]),
            torch.maximum(along[:, :, 1:], along[:, :, :-1]),
        )
        near = F.max_pool2d(steep, 3, 1, 1)  # of the cell and those beside
        top, left = (place.floor().clamp(max=size - 1).long() for place, size in
                     zip((y, x), near.shape[1:], strict=True))  # fmt: skip
        return near[:, top, left].transpose(0, 1)


def turned(degrees: float, /) -> Turned:
    """All angles up to so many degrees either way."""
    angle = math.radians(degrees)
    return Turned(((-angle, angle),))


def moved(pixels: float, /) -> Moved:
    """All ways up to so many pixels along rows and along columns."""
    return Moved(((-pixels, pixels), (-pixels, pixels)))
