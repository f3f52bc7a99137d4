"""How far the tanh form of GELU is from GELU."""

import torch

from cartograd.core.build import build
from cartograd.evidence.claim import Claim, Curve, Measured

CLAIM = Claim(
    id="gelu-approx",
    place="activation/gelu",
    en="The tanh form approximates GELU",
    zh="tanh 近似 GELU",
    hypothesis="On a grid of a million points from -10 to 10, in float64, the largest gap between "
    "the tanh form and z Phi(z) is below 0.001.",
    rule=("every gap < 1e-3",),
    exact=True,
    remark="In relative terms the form is poor far to the left, where both are nearly 0: at -5 it "
    "is six times too small.",
    draw=("tanh form - GELU",),
    axes=("z", "gap"),
)


def measure(seed: int, /) -> Measured:
    """The largest gap, and the gap along z."""
    z = torch.linspace(-10, 10, 1_000_001, dtype=torch.float64)
    gap = build("gelu-tanh")(z) - build("gelu")(z)
    shown = slice(250_000, 750_001, 2_500)
    curve = Curve(z[shown].tolist(), gap[shown].tolist())
    return {"gap": gap.abs().max().item(), "tanh form - GELU": curve}
