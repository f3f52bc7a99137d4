"""Variance of activations and gradients through 30 ReLU layers, by how the weights start."""

from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.claims import xavier_keeps_variance

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
    return xavier_keeps_variance.measure(seed, activation="relu")
