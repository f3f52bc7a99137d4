"""Peak signal-to-noise ratio: how small the error of pictures is beside their range, in decibels.

Ten more decibels are a tenth of the squared error. That is the error of all numbers of all examples
together: a mean over the pictures' own ratios would be ruled by the best ones. Numbers of pictures
are from 0 to 1, so the peak is 1; of other data it is the mean squared error in decibels.

    PSNR = -10 log10 ((1/(n d)) sum_ij (outputs[i, j] - targets[i, j])^2)

Shapes: outputs and targets (n, ...).

Departures: none from scikit-image for a range of 1, of all examples as one signal.

References:
    Quan Huynh-Thu, Mohammed Ghanbari. Scope of validity of PSNR in image/video quality assessment.
    Electronics Letters 44, 2008. https://doi.org/10.1049/el:20080522

>>> import torch
>>> round(psnr(torch.full((3, 1, 2, 2), 0.6), torch.full((3, 1, 2, 2), 0.5)), 4)
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
    nodes=("vae/autoencoder",),
    title="Peak signal-to-noise ratio in decibels",
    short="PSNR",
    zh="峰值信噪比",
    better="higher",
    aliases=("peak-signal-to-noise-ratio",),
    paper="Scope of validity of PSNR in image/video quality assessment",
    year=2008,
    url="https://doi.org/10.1049/el:20080522",
    proofs=(
        "oracle: torchmetrics' peak_signal_noise_ratio with data_range=1 (in float32), to 1e-5",
    ),
)


def psnr(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> float:
    """The ratio in decibels; infinite where outputs and targets are equal."""
    return weighed(outputs, targets, given.ones(outputs)).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
) -> Float[Tensor, " b"]:
    """The ratio under each weighting of the examples."""
    return of_mean(given.mean(weights, each(outputs, targets)))


def each(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> Float[Tensor, " n"]:
    """The mean square of each example's errors."""
    flat = (one.flatten(1) if one.ndim > 2 else one for one in (outputs, targets))
    outputs, targets = given.values(*flat)
    return (outputs - targets).square().mean(1)


def of_mean(mean: Float[Tensor, "..."], /) -> Float[Tensor, "..."]:
    """From the mean of `each` over the examples to the metric."""
    return -10 * mean.log10()
