"""Variance through 30 tanh layers by how the weights start, for inputs from small to large."""

import torch

from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.starts import LAYERS, spreads

CLAIM = Claim(
    id="xavier-keeps-variance",
    place="init/xavier",
    en="Xavier keeps variance through tanh layers",
    zh="Xavier 保持方差(tanh)",
    hypothesis="Normal inputs of standard deviation 0.01, 0.03, 0.1, 0.3 and 1 go through 30 tanh "
    "layers of 256 units. For each, the slope of the logarithm of the variance along the layers is "
    "nearer to 0 with Xavier than with Kaiming and than with N(0, 0.01^2), whichever of the two is "
    "nearer: that of the activations forward, and that of the gradients backward.",
    rule=(
        "mean forward at 0.01 > 0",
        "mean forward at 0.03 > 0",
        "mean forward at 0.1 > 0",
        "mean forward at 0.3 > 0",
        "mean forward at 1 > 0",
        "mean backward at 0.01 > 0",
        "mean backward at 0.03 > 0",
        "mean backward at 0.1 > 0",
        "mean backward at 0.3 > 0",
        "mean backward at 1 > 0",
    ),
    decide="each",
    seeds=10,
    first=100,
    remark="Xavier's derivation takes tanh as the identity, which it is for small inputs. Where "
    "they are large, both starts end in saturation: there Kaiming's activations stay at the level "
    "that saturation holds, and its gradients grow.",
    draw=("Xavier, inputs of 0.01", "Kaiming, inputs of 0.01", "Xavier, of 1", "Kaiming, of 1"),
    axes=("layer", "variance of the activations"),
    scale="y",
)
SCALES = (0.01, 0.03, 0.1, 0.3, 1.0)


def measure(seed: int, /) -> Measured:
    """How much steeper the flatter of the other two starts is, and Xavier's own slopes."""
    found: dict[str, float | Curve] = {}
    x = torch.randn(256, 256)
    for scale in SCALES:
        each = spreads(scale * x, "tanh")
        for rank, way in enumerate(("forward", "backward")):
            steep = {name: abs(spread.slopes()[rank]) for name, spread in each.items()}
            xavier = steep.pop("Xavier")
            found[f"{way} at {scale:g}"] = min(steep.values()) - xavier
            found[f"{way} slope of Xavier at {scale:g}"] = each["Xavier"].slopes()[rank]
        kept = each["Xavier"].forward
        found[f"kept by Xavier from layer 1 to 30 at {scale:g}"] = kept[-1] / kept[0]
        if scale in (0.01, 1.0):
            of = "inputs of 0.01" if scale == 0.01 else "of 1"
            found |= {f"{n}, {of}": Curve(LAYERS, each[n].forward) for n in ("Xavier", "Kaiming")}
    return found
