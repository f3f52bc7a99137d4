"""Masks that go with their pictures when pixels change their places.

A method of augmentation is a function of pictures and of random numbers that depend on nothing but
seed, epoch and index. So the picture of the pixels' own coordinates, changed by the same method
with the same numbers, says of each new pixel where it came from, whatever the method is; the mask
takes the nearest pixel there, and no label between two classes ever comes up. What comes in from
outside the picture has no label.

    y'[p] = y[floor(s(p))],    s = the coordinates (row, column, 1) as the method moves them

>>> from cartograd.core.build import build
>>> method = build("crop:padding=1", kind="augmentation")
>>> rng = CounterRandom(torch.tensor([3]))
>>> y = torch.arange(9).reshape(1, 3, 3)
>>> x, found = with_masks(method, y[:, None] + 1.0, y, rng)
>>> torch.equal(x[:, 0].long() - 1, found.clamp(min=-1))
True
"""

import functools
import inspect
from collections.abc import Callable

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.data.decode.masks import IGNORED

Method = Callable[[Tensor, CounterRandom], Tensor]


def moves(method: Method, /) -> bool | None:
    """Whether a method moves pixels; None where its file does not say (`MOVES`)."""
    inner = method.func if isinstance(method, functools.partial) else method
    return vars(inspect.getmodule(inner) or object()).get("MOVES")


def with_masks(
    method: Method, x: Shaped[Tensor, "b c y x"], y: Int[Tensor, "b y x"], rng: CounterRandom, /
) -> tuple[Shaped[Tensor, "b c y x"], Int[Tensor, "b y x"]]:
    """Pictures changed by a method, and masks whose labels have moved as the pixels have."""
    changed = method(x, rng)
    if not moves(method):
        return changed, y
    height, width = x.shape[2:]
    row, column, there = origins(method, height, width, rng).to(y.device).unbind(1)
    inside = there >= 0.5
    whole = there.clamp(min=0.5)
    rows = (row / whole).floor().long().clamp(0, height - 1)
    columns = (column / whole).floor().long().clamp(0, width - 1)
    labels = y.flatten(1).gather(1, (rows * width + columns).flatten(1)).view_as(y)
    return changed, labels.where(inside, IGNORED)


def origins(
    method: Method, height: int, width: int, rng: CounterRandom, /
) -> Float[Tensor, "b 3 y x"]:
    """Where each pixel of the changed pictures came from: row, column, and whether from inside.

    Row and column are counted in pixels from the upper left corner (the first pixel's middle is
    0.5, 0.5), times the third number: 1 inside, 0 outside, between them at the picture's edge.
    """
    rows = torch.arange(height, dtype=torch.float32)[:, None].add(0.5).expand(height, width)
    columns = torch.arange(width, dtype=torch.float32).add(0.5).expand(height, width)
    places = torch.stack([rows, columns, torch.ones(height, width)])
    return method(places.expand(len(rng), 3, height, width), rng)
