"""The network of a denoiser, by what its examples are."""

from torch import nn

from cartograd.core.errors import UsageError
from cartograd.generative.diffusion.mlp import DenoisingMLP
from cartograd.generative.diffusion.unet import UNet

LARGE = 24
"""Pictures at least this wide are cut into patches of two by two."""


def bound(channels: int | None, /) -> float | None:
    """What guessed pictures are kept within, whose numbers are from -1 to 1."""
    return None if channels is None else 1.0


def network(
    *,
    features: int | None,
    channels: int | None,
    size: int | None,
    classes: int | None,
    width: int,
    dropout: float = 0.0,
) -> nn.Module:
    """A U-Net for pictures, dense layers for anything else.

    Args:
        features: numbers of an example.
        channels: of a picture; None of anything else.
        size: height and width of a square picture.
        classes: how many, or None.
        width: channels at the largest size, or units of a layer.
        dropout: share of activations that are dropped in each block of a U-Net.

    Raises:
        UsageError: nothing is said of the examples.
    """
    if channels is not None:
        patch = 2 if (size or LARGE) >= LARGE else 1
        return UNet(channels, width=width, patch=patch, classes=classes, dropout=dropout)
    if features is None:
        raise UsageError(
            "a denoiser needs features= of vectors, or channels= and size= of pictures"
        )
    return DenoisingMLP(features, width=4 * width, classes=classes)
