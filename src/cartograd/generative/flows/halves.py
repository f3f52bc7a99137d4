"""How a coupling divides an example in two halves: every second number, channel or pixel.

Each way takes an example apart and puts it together again, exactly. `odd` swaps the halves, so that
couplings that alternate change every number.

Shapes: `b d` or `b c y x`; the halves of a checkerboard are `b 2c y/2 x/2`, its black and white
fields with their two places in a square of four as channels, so that a network sees both.

References:
    Laurent Dinh, Jascha Sohl-Dickstein, Samy Bengio. Density estimation using Real NVP. ICLR 2017,
    section 3.4. https://arxiv.org/abs/1605.08803
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


@runtime_checkable
class Halves(Protocol):
    """A way to divide examples."""

    def apart(self, x: Float[Tensor, "b ..."], /) -> tuple[Tensor, Tensor]:
        """The half that stays, and the half that is changed."""
        ...

    def together(self, a: Float[Tensor, "b ..."], b: Float[Tensor, "b ..."], /) -> Tensor:
        """The example of these halves."""
        ...

    def sizes(self, count: int, /) -> tuple[int, int]:
        """Numbers or channels of both halves, for an example of so many."""
        ...


@dataclass(frozen=True)
class EverySecond:
    """Numbers at even and at odd places."""

    odd: bool

    def apart(self, x: Float[Tensor, "b d"], /) -> tuple[Tensor, Tensor]:
        """Even places stay, odd ones are changed, or the other way round."""
        return x[:, self.odd :: 2], x[:, (not self.odd) :: 2]

    def together(self, a: Float[Tensor, "b d1"], b: Float[Tensor, "b d2"], /) -> Tensor:
        """Interleaved again."""
        even, odd = (b, a) if self.odd else (a, b)
        pairs = torch.stack([even[:, : odd.shape[1]], odd], dim=2).flatten(1)
        return torch.cat([pairs, even[:, odd.shape[1] :]], dim=1)

    def sizes(self, count: int, /) -> tuple[int, int]:
        """There is one more at even places if their number is odd."""
        even, odd = (count + 1) // 2, count // 2
        return (odd, even) if self.odd else (even, odd)


@dataclass(frozen=True)
class Channels:
    """The first half of the channels and the second."""

    odd: bool

    def apart(self, x: Float[Tensor, "b c y x"], /) -> tuple[Tensor, Tensor]:
        """Of channels, whose number is even."""
        first, second = x.chunk(2, dim=1)
        return (second, first) if self.odd else (first, second)

    def together(self, a: Float[Tensor, "b c y x"], b: Float[Tensor, "b c y x"], /) -> Tensor:
        """In their order."""
        return torch.cat([b, a] if self.odd else [a, b], dim=1)

    def sizes(self, count: int, /) -> tuple[int, int]:
        """Half and half."""
        return count // 2, count // 2


@dataclass(frozen=True)
class Checkerboard:
    """Black and white fields of pictures with even sides."""

    odd: bool

    def apart(self, x: Float[Tensor, "b c y x"], /) -> tuple[Tensor, Tensor]:
        """Two of the four pixels of each square, along either diagonal."""
        fields = F.pixel_unshuffle(x, 2).unflatten(1, (-1, 4))
        black = torch.stack([fields[:, :, 0], fields[:, :, 3]], dim=2).flatten(1, 2)
        white = torch.stack([fields[:, :, 1], fields[:, :, 2]], dim=2).flatten(1, 2)
        return (white, black) if self.odd else (black, white)

    def together(self, a: Float[Tensor, "b c y x"], b: Float[Tensor, "b c y x"], /) -> Tensor:
        """Each pixel at its place."""
        black, white = (b, a) if self.odd else (a, b)
        black, white = (half.unflatten(1, (-1, 2)) for half in (black, white))
        fields = [black[:, :, 0], white[:, :, 0], white[:, :, 1], black[:, :, 1]]
        return F.pixel_shuffle(torch.stack(fields, dim=2).flatten(1, 2), 2)

    def sizes(self, count: int, /) -> tuple[int, int]:
        """Two pixels of a square for each channel."""
        return 2 * count, 2 * count
