"""How the variances of activations and gradients go along 30 layers, by how the weights start."""

import math
from typing import NamedTuple

import numpy as np
from torch import Tensor

from cartograd.core.build import build
from cartograd.foundations.initialization.initialise import initialise
from cartograd.foundations.initialization.variances import variances

STARTS = {"Xavier": "xavier", "Kaiming": "kaiming", "N(0, 0.01)": "random-normal:std=0.01"}
LAYERS = list(range(1, 31))


class Spread(NamedTuple):
    """Variances by layer: of the activations forward, and of the gradients backward."""

    forward: list[float]
    backward: list[float]

    def slopes(self) -> tuple[float, float]:
        """Of both logarithms along the layers, by least squares."""
        return _slope(self.forward), _slope(self.backward)


def spreads(x: Tensor, activation: str, /) -> dict[str, Spread]:
    """The variances of inputs `b 256` on their way through 30 layers of 256, by start."""
    found = {}
    for name, start in STARTS.items():
        widths = ",".join(["256"] * 30)
        model = build(f"mlp:features=256,classes=256,widths=[{widths}],activation={activation}")
        each = variances(initialise(model, start), x)
        found[name] = Spread([one.activation for one in each], [one.gradient for one in each])
    return found


def _slope(values: list[float]) -> float:
    return float(np.polyfit(LAYERS, [math.log(max(value, 1e-300)) for value in values], 1)[0])
