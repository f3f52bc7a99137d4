"""The normalisation that a model's `norm` names, as torch's module; None for none.

Of positions or rows the features are normalised (`... d`), of pictures the maps (`b c y x`).
torch's kernels compute what the files beside this one spell out; their tests compare both.
"""

import math
from typing import Literal

from torch import nn

from cartograd.core.errors import unknown

Rows = Literal["layer", "rms"] | None
"""Normalisations of the features of each row or position by itself."""

Features = Literal["layer", "rms", "batch"] | None
"""Those, and that of each feature over the rows (`b d` only)."""

Maps = Literal["batch", "group", "layer", "instance"] | None
"""Normalisations of maps."""

GROUPS = 32
"""Groups of maps, the paper's, where the maps can be divided by so many."""


def of_features(features: int, /, *, norm: Features, eps: float = 1e-5) -> nn.Module:
    """Normalise the last dimension, of this size.

    Raises:
        UsageError: no such normalisation (the nearest name is shown).
    """
    if norm is None:
        return nn.Identity()
    makers = {"layer": nn.LayerNorm, "rms": nn.RMSNorm, "batch": nn.BatchNorm1d}
    if norm not in makers:
        raise unknown("norm", norm, makers)
    return makers[norm](features, eps=eps)


def of_maps(maps: int, /, *, norm: Maps, eps: float = 1e-5) -> nn.Module:
    """Normalise so many maps; `layer` is one group of all, over their pixels too.

    Raises:
        UsageError: no such normalisation (the nearest name is shown).
    """
    if norm is None:
        return nn.Identity()
    if norm == "batch":
        return nn.BatchNorm2d(maps, eps=eps)
    groups = {"group": math.gcd(GROUPS, maps), "layer": 1, "instance": maps}
    if norm not in groups:
        raise unknown("norm", norm, ("batch", *groups))
    return nn.GroupNorm(groups[norm], maps, eps=eps)
