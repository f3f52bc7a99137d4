"""Variance of activations and gradients through 30 ReLU layers, by how the weights start."""

import torch

from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.starts import LAYERS, spreads

CLAIM = Claim(
    id="he-keeps-variance",
    place="init/kaiming",
    en="He keeps variance through ReLU layers",
    zh="He 初始化适合 ReLU",
    hypothesis="Through 30 ReLU layers of 256 units on normal inputs, the slope of the logarithm "
    "of the variance along the layers is nearer to 0 with Kaiming (He) than with Xavier and with "
    "N(0, 0.01^2): that of the activations forward, and that of the gradients backward.",
    rule=(
        "mean forward: |Xavier| - |Kaiming| > 0",
        "mean forward: |N(0, 0.01)| - |Kaiming| > 0",
        "mean backward: |Xavier| - |Kaiming| > 0",
        "mean backward: |N(0, 0.01)| - |Kaiming| > 0",
    ),
    seeds=10,
    draw=("Xavier", "Kaiming"),
    axes=("layer", "variance of the activations"),
    scale="y",
)


def measure(seed: int, /) -> Measured:
    """Slopes of the log-variances of each start, and the variances."""
    found: dict[str, float | Curve] = {}
    x = torch.randn(256, 256)
    each = spreads(x, "relu")
    slopes = {name: spread.slopes() for name, spread in each.items()}
    for name, (forward, _) in each.items():
        found[name] = Curve(LAYERS, forward)
        found[f"{name}: forward slope"], found[f"{name}: backward slope"] = slopes[name]
        found[f"{name}: kept after 20 layers"] = forward[19] / x.var().item()
        found[f"{name}: kept from layer 1 to 20"] = forward[19] / forward[0]
    for rank, way in enumerate(("forward", "backward")):
        for name in ("Xavier", "N(0, 0.01)"):
            gap = abs(slopes[name][rank]) - abs(slopes["Kaiming"][rank])
            found[f"{way}: |{name}| - |Kaiming|"] = gap
    return found
