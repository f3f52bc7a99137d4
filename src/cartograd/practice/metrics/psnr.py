"""Peak signal-to-noise ratio: how far a picture is from the right one, in decibels.

Ten decibels more are a tenth of the mean squared error. The signal's peak is white, 1. The ratio is
taken of each picture, and its mean over the pictures.

    PSNR = 10 log10(1 / mean_j (output_j - target_j)^2)

Shapes: outputs and targets (n, c, y, x), from 0 to 1.

Departures: a picture without any error would be infinitely good; the ratio ends at 100 decibels.

References:
    Zhou Wang, Alan Bovik. Mean squared error: love it or leave it? IEEE Signal Processing Magazine
    26, 2009. https://doi.org/10.1109/MSP.2008.930649

>>> import torch
>>> round(psnr(torch.full((2, 1, 4, 4), 0.6), torch.full((2, 1, 4, 4), 0.5)), 4)
20.0
"""

from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics import given

CARD = Card(
    name="psnr",
    kind="metric",
    entry="psnr",
    nodes=("gan/applications",),
    title="Peak signal-to-noise ratio",
    short="PSNR",
    zh="峰值信噪比",
    better="higher",
    paper="Mean squared error: love it or leave it?",
    year=2009,
    url="https://doi.org/10.1109/MSP.2008.930649",
    proofs=("oracle: torchmetrics' peak_signal_noise_ratio of each picture, to 1e-5",),
)

LEAST = 1e-10
"""The mean squared error of 100 decibels."""


def psnr(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> float:
    """The mean ratio, in decibels.

    Raises:
        UsageError: they are no pictures of one shape.
    """
    return weighed(outputs, targets, given.ones(outputs)).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
) -> Float[Tensor, " b"]:
    """The mean ratio under each weighting of the pictures."""
    outputs, targets = given.pictures(outputs, targets)
    error = (outputs - targets).square().flatten(1).mean(1)
    return given.mean(weights, -10 * error.clamp_min(LEAST).log10())
