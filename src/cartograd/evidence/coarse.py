"""Convolutional networks that make images eight times as coarse, in three steps or at once.

Multiply-adds and weights are those of the convolutions and linear layers, without biases.
"""

from functools import cache
from itertools import product
from typing import NamedTuple

from torch import nn

STEPS = (8, 16, 32)
CLASSES = 10


class Cost(NamedTuple):
    """What an image takes.

    Attributes:
        weights: numbers that are learned.
        multiply_adds: of them with pixels or activations.
    """

    weights: int
    multiply_adds: int


def network(arm: str, size: int, /) -> nn.Module:
    """For grey images of `size` x `size`: coarse in `steps`, by one `window` or one `stride`."""
    places = (size // 8) ** 2
    if arm == "steps":
        layers: list[nn.Module] = []
        for into, out in zip((1, *STEPS), STEPS, strict=False):
            layers += [nn.Conv2d(into, out, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(STEPS[-1] * places, CLASSES))
    first, second, third = widths(arm, size)
    layers = [nn.Conv2d(1, first, 3, padding=1), nn.ReLU()]
    layers += [nn.Conv2d(first, second, 3, padding=1), nn.ReLU()]
    if arm == "window":
        layers += [nn.MaxPool2d(8), nn.Flatten(), nn.Linear(second * places, third), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(third, CLASSES))
    layers += [nn.Conv2d(second, third, 8, stride=8), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(third * places, CLASSES))


@cache
def widths(arm: str, size: int, /) -> tuple[int, int, int]:
    """Of the three layers, so that both costs are as near as can be to those in steps."""
    aim = cost("steps", size, STEPS)
    choices = product(range(6, 12), range(3, 13), range(4, 500))
    return min(choices, key=lambda each: unlike(cost(arm, size, each), aim))


def unlike(one: Cost, other: Cost, /) -> float:
    """The larger of the relative differences of two costs."""
    return max(abs(a / b - 1) for a, b in zip(one, other, strict=True))


def cost(arm: str, size: int, widths: tuple[int, int, int], /) -> Cost:
    """By formula, from the widths of the three layers."""
    first, second, third = widths
    fine, places = size**2, (size // 8) ** 2
    layers = [(9 * first, fine)]
    if arm == "steps":
        layers += [(9 * first * second, fine // 4), (9 * second * third, fine // 16)]
        layers += [(third * places * CLASSES, 1)]
    elif arm == "window":
        layers += [(9 * first * second, fine), (second * places * third, 1), (third * CLASSES, 1)]
    else:
        layers += [(9 * first * second, fine), (64 * second * third, places)]
        layers += [(third * places * CLASSES, 1)]
    return Cost(sum(each for each, _ in layers), sum(each * often for each, often in layers))
