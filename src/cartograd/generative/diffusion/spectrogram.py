"""Sounds as small pictures of how loud each band of frequency is, and back. Nothing is learned.

A picture has a row for each band of mels and a column for each hop. Its numbers are decibels, from
-1 (silence) to 1. Back, powers of single waves are looked for that have those of the bands (updates
by products, as of non-negative matrix factors), and phases by Griffin and Lim's steps.

    z = a 10 lg (P W + floor) + b,    P <- P (W' y) / (W' W P),    x = griffin_lim(sqrt P)

Shapes: sounds `b n` of variance about one, pictures `b 1 m t`.

References:
    Daniel Lee, Sebastian Seung. Algorithms for non-negative matrix factorization. NeurIPS 2000
    (theorem 1, for one of the two factors).
    https://papers.nips.cc/paper/1861-algorithms-for-non-negative-matrix-factorization

>>> spectrogram = Spectrogram(512, n_mels=8, fft=64, sample_rate=8000)
>>> spectrogram(torch.zeros(2, 512)).unique(), spectrogram.sound(-torch.ones(2, 1, 8, 32)).unique()
(tensor([-1.]), tensor([0.]))
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.architectures.speech.griffin_lim import Pieces
from cartograd.architectures.speech.mel import filters

QUIET, LOUD = -40.0, 25.0
"""Decibels that are -1 and 1; white noise of variance one is at 0."""

PRODUCTS = 20
"""Updates by which powers of waves come near to those of the bands."""

LEAST = 1e-12
"""Power that is none."""


class Spectrogram(nn.Module):
    """Log-mel spectrograms of sounds, and sounds of these.

    Args:
        features: samples of a sound.
        n_mels: bands.
        fft: samples of one piece; a quarter of it is the hop.
        sample_rate: samples per second.
        steps: of Griffin and Lim's search for phases.
    """

    bands: Tensor

    def __init__(
        self, features: int, /, *, n_mels: int, fft: int, sample_rate: int, steps: int = 32
    ):
        super().__init__()
        self.pieces, self.steps = Pieces(features, fft=fft), steps
        self.dims = (1, n_mels, self.pieces.count)
        bands = filters(n_mels, fft, rate=sample_rate)
        bands = bands / bands.sum(0).clamp_min(LEAST) / self.pieces.window.square().sum()
        self.register_buffer("bands", bands.to(torch.get_default_dtype()), persistent=False)
        self.floor = 10 ** (QUIET / 10)

    def forward(self, x: Float[Tensor, "b n"]) -> Float[Tensor, "b 1 m t"]:
        """Pictures of sounds."""
        waves = self.pieces(x)
        powers = (waves.real.square() + waves.imag.square()) @ self.bands
        decibels = 10 * (powers + self.floor).log10()
        return (2 * (decibels - QUIET) / (LOUD - QUIET) - 1).mT[:, None]

    def sound(self, z: Float[Tensor, "b 1 m t"], /) -> Float[Tensor, "b n"]:
        """Sounds of pictures."""
        decibels = QUIET + (z[:, 0].mT + 1) / 2 * (LOUD - QUIET)
        powers = self.waves((10 ** (decibels / 10) - self.floor).clamp_min(0))
        magnitudes = powers.clamp_min(LEAST).sqrt() - LEAST**0.5  # a root at 0 is too steep
        return self.pieces.griffin_lim(magnitudes, steps=self.steps)

    def waves(self, y: Float[Tensor, "b t m"], /) -> Float[Tensor, "b t k"]:
        """Powers of waves, none below 0, that have about these powers of the bands."""
        wished, mixed = y @ self.bands.T, self.bands @ self.bands.T
        share = y.sum(-1, keepdim=True) / (wished @ self.bands).sum(-1, keepdim=True).clamp_min(
            LEAST
        )
        powers = wished * share
        for _ in range(PRODUCTS):
            powers = powers * wished / (powers @ mixed).clamp_min(LEAST)
        return powers
