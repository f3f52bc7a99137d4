"""Speed: each sound played faster or slower, which moves its pitch too.

The cheapest augmentation of speech and among the best: a voice at 0.9 of its speed is another
voice. The samples between samples are found by band-limited interpolation.

    x'(t) = x(s t),    s uniform in `tempo`; silence after the end

Shapes: sounds `b c t`, kept: what does not fit any more is cut off.

Departures: any factor, where the paper takes 0.9, 1 and 1.1. The interpolation is exact up to half
of the highest frequency (an FFT to eight times the rate, then cubics); what would lie above the
highest one after speeding up is left out.

References:
    Tom Ko, Vijayaditya Peddinti, Daniel Povey, Sanjeev Khudanpur. Audio augmentation for speech
    recognition. Interspeech 2015. https://doi.org/10.21437/Interspeech.2015-711

>>> tone = torch.sin(torch.arange(400) * 0.2)[None, None]
>>> twice = sped(tone, torch.tensor([2.0]))
>>> torch.allclose(twice[..., 20:180], torch.sin(torch.arange(20, 180) * 0.4), atol=1e-2)
True
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.data.dataset.counter_random import CounterRandom

CARD = Card(
    name="speed",
    kind="augmentation",
    entry="speed",
    nodes=("regularize/augmentation-audio",),
    title="Speed perturbation",
    zh="变速（音高随之改变）",
    paper="Audio augmentation for speech recognition",
    year=2015,
    url="https://doi.org/10.21437/Interspeech.2015-711",
    proofs=(
        "oracle: scipy.signal.resample_poly on band-limited sounds, away from the ends, to 1e-3",
        "law: a tone of frequency f becomes one of s f, and one that would alias disappears",
    ),
)

FINER = 8
"""How many times the rate the cubics work at."""
REST = 64
"""Silent samples at least between the end and, in the eyes of the FFT, the beginning."""


def speed(
    x: Float[Tensor, "b c t"], rng: CounterRandom, /, *, tempo: tuple[float, float] = (0.9, 1.1)
) -> Float[Tensor, "b c t"]:
    """Each sound played `tempo` times as fast.

    Args:
        x: a batch of sounds.
        rng: random numbers of each example.
        tempo: smallest and largest factor on the speed; the pitch moves with it.
    """
    return sped(x, rng.between(*tempo))


def sped(x: Float[Tensor, "b c t"], factor: Float[Tensor, " b"], /) -> Float[Tensor, "b c t"]:
    """Each sound played as many times as fast as its factor says."""
    b, c, length = x.shape
    factor = factor.to(x)
    size = 1 << (length + REST - 1).bit_length()
    spectrum = torch.fft.rfft(x, size)
    kept = torch.arange(spectrum.shape[2], device=x.device) * factor[:, None] <= size / 2
    kept = kept.to(x.dtype)
    kept[:, -1] /= 2  # the highest frequency stands for itself and its negative
    fine = torch.fft.irfft(spectrum * kept[:, None], FINER * size) * FINER
    at = FINER * factor[:, None] * torch.arange(length, dtype=x.dtype, device=x.device)  # b t
    whole = at.floor()
    share = (at - whole)[:, None]
    index = whole.long()
    inside = (at <= FINER * (length - 1))[:, None]
    before, here, after, beyond = (
        fine.gather(2, (index + step).remainder(FINER * size)[:, None].expand(b, c, length))
        for step in (-1, 0, 1, 2)
    )
    # Lagrange's cubic through four neighbours.
    values = (
        -share * (share - 1) * (share - 2) / 6 * before
        + (share + 1) * (share - 1) * (share - 2) / 2 * here
        - (share + 1) * share * (share - 2) / 2 * after
        + (share + 1) * share * (share - 1) / 6 * beyond
    )
    return values * inside
