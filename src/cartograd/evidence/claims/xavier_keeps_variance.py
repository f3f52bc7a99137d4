"""Variance of activations and gradients through 30 tanh layers, by how the weights start."""

import math

import numpy as np
import torch

from cartograd.core.build import build
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.foundations.initialization.initialise import initialise
from cartograd.foundations.initialization.variances import variances

CLAIM = Claim(
    id="xavier-keeps-variance",
    place="init/xavier",
    en="Xavier keeps variance through tanh layers",
    zh="Xavier 保持方差(tanh)",
    hypothesis="Through 30 tanh layers of 256 units on normal inputs, the slope of the logarithm "
    "of the variance along the layers is nearer to 0 with Xavier than with Kaiming and with "
    "N(0, 0.01^2): that of the activations forward, and that of the gradients backward.",
    rule=(
        "mean forward: |Kaiming| - |Xavier| > 0",
        "mean forward: |N(0, 0.01)| - |Xavier| > 0",
        "mean backward: |Kaiming| - |Xavier| > 0",
        "mean backward: |N(0, 0.01)| - |Xavier| > 0",
    ),
    seeds=10,
    remark="Forward, Kaiming's start is the flatter one: its activations fall to a level that "
    "saturation holds, at the price of gradients that grow about as fast as Xavier's fade. "
    "Xavier's variance falls as one over the depth rather than by a factor for each layer: from "
    "the first layer to the 20th a sixteenth of it is kept.",
    draw=("Xavier", "Kaiming"),
    axes=("layer", "variance of the activations"),
    scale="y",
)
STARTS = {"Xavier": "xavier", "Kaiming": "kaiming", "N(0, 0.01)": "random-normal:std=0.01"}
LAYERS = list(range(1, 31))


def measure(seed: int, /, *, activation: str = "tanh") -> Measured:
    """Slopes of the log-variances of each start, and the variances."""
    found: dict[str, float | Curve] = {}
    slopes: dict[str, tuple[float, float]] = {}
    x = torch.randn(256, 256)
    for name, start in STARTS.items():
        widths = ",".join(["256"] * 30)
        model = build(f"mlp:features=256,classes=256,widths=[{widths}],activation={activation}")
        spreads = variances(initialise(model, start), x)
        forward = [spread.activation for spread in spreads]
        backward = [spread.gradient for spread in spreads]
        slopes[name] = _slope(forward), _slope(backward)
        found[name] = Curve(LAYERS, forward)
        found[f"{name}: forward slope"], found[f"{name}: backward slope"] = slopes[name]
        found[f"{name}: kept after 20 layers"] = forward[19] / x.var().item()
        found[f"{name}: kept from layer 1 to 20"] = forward[19] / forward[0]
    best = "Xavier" if activation == "tanh" else "Kaiming"
    for rank, way in enumerate(("forward", "backward")):
        for name in STARTS:
            if name != best:
                gap = abs(slopes[name][rank]) - abs(slopes[best][rank])
                found[f"{way}: |{name}| - |{best}|"] = gap
    return found


def _slope(values: list[float]) -> float:
    return float(np.polyfit(LAYERS, [math.log(max(value, 1e-300)) for value in values], 1)[0])
