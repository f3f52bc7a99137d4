"""Augmentations of what a critic sees: each is done with a chance, and can be undone on the whole.

A critic that sees augmented pictures only, real and made ones alike, does not learn them by heart.
What an augmentation does with a chance below one can be told from the whole set of pictures (half
upright and half turned ones have a right way up), so the generator's pictures stay as the data are.
All are differentiable, so that the generator learns through them.

    x -> colour . shift . rotate . stretch . scale . move . turn . mirror (x),    each with chance p

Shapes: pictures `b c y x` with numbers around -1 to 1.

Departures: the pictures are read between their points by straight lines, the paper's by wavelets at
twice the size; beyond the edge they are mirrored. Of pictures with one channel, hue and saturation
are left out.

References:
    Tero Karras and others. Training generative adversarial networks with limited data. NeurIPS
    2020. https://arxiv.org/abs/2006.06676

>>> import torch
>>> x = torch.rand(2, 1, 8, 8)
>>> torch.equal(augmented(x, torch.rand(2, CHANCES), chance=0.0), x)
True
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

CHANCES = 28
"""Even random numbers for a picture: two for each augmentation, and for each direction of some."""

REACH = 0.125
"""Share of the side by which pictures are moved at most, and the deviation of shifts."""

Draw = Callable[[], tuple[Tensor, Tensor]]
"""Whether (0 or 1) and where in [0, 1), for each picture."""


def augmented(
    x: Float[Tensor, "b c y x"], drawn: Float[Tensor, "b n"], /, *, chance: float
) -> Float[Tensor, "b c y x"]:
    """Pictures after the augmentations that chance has chosen.

    Args:
        x: pictures.
        drawn: `CHANCES` even numbers in [0, 1) for each.
        chance: that of each augmentation.
    """
    if chance <= 0:
        return x
    columns = iter(drawn.to(x).unbind(1))

    def draw() -> tuple[Tensor, Tensor]:
        return (next(columns) < chance).to(x), next(columns)

    return coloured(moved(x, placed(draw, x.shape[-1])), draw)


def placed(draw: Draw, side: int, /) -> Float[Tensor, "b 3 3"]:
    """The affine map from places of the answer to places of the picture, sides being -1 to 1."""
    done, where = draw()
    whole = _scaled(1 - 2 * done * (where < 0.5).to(where), torch.ones_like(where))
    done, where = draw()
    whole = whole @ _turned(done * (4 * where).floor() * math.pi / 2)
    (done, where), (_, other) = draw(), draw()
    by = [2 / side * (done * (2 * one - 1) * REACH * side).round() for one in (where, other)]
    whole = whole @ _shifted(*by)
    done, where = draw()
    factor = _factor(done, where)
    whole = whole @ _scaled(factor, factor)
    done, where = draw()
    whole = whole @ _turned(done * (2 * where - 1) * math.pi)
    done, where = draw()
    factor = _factor(done, where)
    whole = whole @ _scaled(factor, 1 / factor)
    (done, where), (_, other) = draw(), draw()
    return whole @ _shifted(*(2 * REACH * done * _normal(one) for one in (where, other)))


def coloured(x: Float[Tensor, "b c y x"], draw: Draw, /) -> Float[Tensor, "b c y x"]:
    """Pictures of other brightness and contrast, with the light turned around; of other hues."""
    done, where = draw()
    x = x + _wide(0.2 * done * _normal(where))
    done, where = draw()
    x = x * _wide(_factor(done, where, spread=0.5))
    done, where = draw()
    light = x.mean(1, keepdim=True)
    x = x - 2 * _wide(done * (where < 0.5).to(where)) * light
    if x.shape[1] != 3:
        return x
    done, where = draw()
    x = _hued(x, done * (2 * where - 1) * math.pi)
    done, where = draw()
    light = x.mean(1, keepdim=True)
    return light + (x - light) * _wide(_factor(done, where, spread=1.0))


def moved(x: Float[Tensor, "b c y x"], places: Float[Tensor, "b 3 3"], /) -> Tensor:
    """Pictures read at other places; those that stay where they are stay as they are."""
    grid = F.affine_grid(places[:, :2], list(x.shape), align_corners=False)
    read = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    still = (places == torch.eye(3).to(places)).all(2).all(1)
    return torch.where(still[:, None, None, None], x, read)


def _wide(one: Tensor) -> Tensor:
    return one[:, None, None, None]


def _normal(even: Tensor) -> Tensor:
    """Even numbers as normal ones, none further out than some five deviations."""
    return math.sqrt(2) * torch.erfinv((2 * even - 1).clamp(-1 + 1e-6, 1 - 1e-6))


def _factor(done: Tensor, where: Tensor, *, spread: float = 0.2) -> Tensor:
    """Powers of two with normal exponents; 1 where nothing is to be done."""
    return (done * spread * _normal(where)).exp2()


def _matrix(*numbers: Tensor) -> Tensor:
    """The first two rows of matrices, by columns of their numbers; the third is 0 0 1."""
    last = torch.zeros_like(numbers[0]), torch.zeros_like(numbers[0]), torch.ones_like(numbers[0])
    return torch.stack([*numbers, *last], dim=1).reshape(-1, 3, 3)


def _scaled(x: Tensor, y: Tensor) -> Tensor:
    zero = torch.zeros_like(x)
    return _matrix(x, zero, zero, zero, y, zero)


def _turned(angle: Tensor) -> Tensor:
    zero, cos, sin = torch.zeros_like(angle), angle.cos(), angle.sin()
    return _matrix(cos, -sin, zero, sin, cos, zero)


def _shifted(x: Tensor, y: Tensor) -> Tensor:
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    return _matrix(one, zero, x, zero, one, y)


def _hued(x: Tensor, angle: Tensor) -> Tensor:
    """Colours turned around the grey axis, by Rodrigues' formula."""
    axis = x.new_full((1, 3, 1, 1), 3**-0.5)
    along = (x * axis).sum(1, keepdim=True) * axis
    across = torch.cat([x[:, 2:] - x[:, 1:2], x[:, :1] - x[:, 2:], x[:, 1:2] - x[:, :1]], dim=1)
    return along + (x - along) * _wide(angle.cos()) + across * 3**-0.5 * _wide(angle.sin())
