"""Noise: white noise over each sound, as loud as its ratio of signal to noise says.

A model that has only heard quiet rooms fails in the street. The ratio is met exactly, by measuring
both, and not just on average.

    x' = x + n sqrt(mean(x^2) / (mean(n^2) 10^(snr / 10))),    snr uniform in `snr`, in dB

Shapes: sounds `b c t`, kept.

Departures: silence stays silence: there is no noise that would have a ratio to it. Samples may
leave [-1, 1], as loud sounds with noise do.

References:
    Tom Ko, Vijayaditya Peddinti, Daniel Povey, Michael Seltzer, Sanjeev Khudanpur. A study on data
    augmentation of reverberant speech for robust speech recognition. ICASSP 2017.
    https://doi.org/10.1109/ICASSP.2017.7953152

>>> x, white = torch.ones(1, 1, 4), torch.tensor([[[3.0, -3.0, 3.0, -3.0]]])
>>> noised(x, white, torch.tensor([20.0])).tolist()[0][0]
[1.100000023841858, 0.8999999761581421, 1.100000023841858, 0.8999999761581421]
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.data.dataset.counter_random import CounterRandom

CARD = Card(
    name="noise",
    kind="augmentation",
    entry="noise",
    nodes=("regularize/augmentation-audio",),
    title="Noise at a signal-to-noise ratio",
    zh="按信噪比加噪声",
    paper="A study on data augmentation of reverberant speech for robust speech recognition",
    year=2017,
    url="https://doi.org/10.1109/ICASSP.2017.7953152",
    proofs=(
        "law: the measured ratio is the one asked for, to 1e-6 dB in float64 and 1e-3 in float32",
        "law: the noise is white: its spectrum is flat and its samples have nothing to do with "
        "each other",
    ),
    evidence={"regularize/augmentation-audio": ("test_the_measured_ratio_is_the_one_asked_for",)},
)


def noise(
    x: Float[Tensor, "b c t"], rng: CounterRandom, /, *, snr: tuple[float, float] = (10.0, 30.0)
) -> Float[Tensor, "b c t"]:
    """Each sound under white noise, `snr` dB below it.

    Args:
        x: a batch of sounds.
        rng: random numbers of each example.
        snr: smallest and largest ratio of signal to noise, in decibels.
    """
    ratio = rng.within(0).between(*snr)
    white = rng.within(1).normal(x[0].numel()).reshape(x.shape)
    return noised(x, white, ratio)


def noised(
    x: Float[Tensor, "b c t"], white: Float[Tensor, "b c t"], ratio: Float[Tensor, " b"], /
) -> Float[Tensor, "b c t"]:
    """Each sound with its noise at its ratio, in dB."""
    power = [sound.double().square().mean((1, 2)) for sound in (x, white.to(x.device))]
    wanted = 10 ** (ratio.to(x.device).double() / 10)
    scale = (power[0] / (power[1] * wanted).clamp_min(torch.finfo(torch.float64).tiny)).sqrt()
    return x + (scale[:, None, None] * white.to(x.device)).to(x.dtype)
