"""Griffin-Lim: a sound of which only the magnitudes of its spectrogram are known.

A spectrogram whose pieces overlap says most things several times, so that hardly any choice of
phases is that of a sound. Two steps take turns: the sound whose pieces come nearest to the ones
wished for, and the wished magnitudes with that sound's phases. Neither leads away from the aim.

    S = stft(x),    x[n] = sum_t w[n - t h] s_t[n - t h] / sum_t w[n - t h]^2,
    x <- istft(M S / |S|):    | |stft(x)| - M | falls or stays

Shapes: sounds `b n`, spectrograms `b t k`; n is a multiple of the hop h, and piece t has its middle
at (t + 1/2) h, so that there are n / h pieces; beyond both ends there is silence.

Departures: phases begin as numbers that look random and are the same for all sounds. Gradients go
through the last step alone, with its phases as they are.

References:
    Daniel Griffin, Jae Lim. Signal estimation from modified short-time Fourier transform. IEEE
    Transactions on Acoustics, Speech, and Signal Processing 32(2), 1984.
    https://doi.org/10.1109/TASSP.1984.1164317

>>> pieces = Pieces(512, fft=64)
>>> x = torch.randn(2, 512)
>>> torch.allclose(pieces.sound(pieces(x)), x, atol=1e-5), pieces.griffin_lim(pieces(x).abs()).shape
(True, torch.Size([2, 512]))
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.hashing import fractions, scrambled

OVERLAP = 4
"""Pieces that a sample is in."""


class Pieces(nn.Module):
    """Sounds of one length as overlapping pieces, and back. Nothing is learned.

    Args:
        features: samples of a sound.
        fft: samples of one piece; a quarter of it is the hop.

    Raises:
        UsageError: the pieces do not fit into the sound.
    """

    window: Tensor
    weight: Tensor
    phases: Tensor

    def __init__(self, features: int, /, *, fft: int):
        super().__init__()
        if fft % (2 * OVERLAP) or features % (fft // OVERLAP):
            raise UsageError(
                f"sounds of {features} samples cannot be cut into pieces of {fft}; expected "
                f"pieces of a multiple of {2 * OVERLAP}, and sounds of a multiple of a quarter of "
                "them: `seconds=` of the data says how long these are"
            )
        self.features, self.fft, self.hop = features, fft, fft // OVERLAP
        self.around, self.count = (fft - self.hop) // 2, features // self.hop
        window = torch.hann_window(fft, dtype=torch.float64)
        shares = self._added(window.square().expand(1, self.count, fft))
        number = torch.arange(self.count * (fft // 2 + 1)).unflatten(0, (self.count, -1))
        phases = 2 * math.pi * fractions(scrambled(number))
        for name, one in {"window": window, "weight": shares, "phases": phases}.items():
            self.register_buffer(name, one.to(torch.get_default_dtype()), persistent=False)

    def forward(self, x: Float[Tensor, "b n"]) -> Complex[Tensor, "b t k"]:
        """The waves of each piece."""
        around = F.pad(x, (self.around, self.around))
        return torch.fft.rfft(around.unfold(1, self.fft, self.hop) * self.window)

    def sound(self, waves: Complex[Tensor, "b t k"], /) -> Float[Tensor, "b n"]:
        """The sound whose pieces are nearest to these."""
        return self._added(torch.fft.irfft(waves, n=self.fft) * self.window) / self.weight

    def griffin_lim(
        self, magnitudes: Float[Tensor, "b t k"], /, *, steps: int = 32
    ) -> Float[Tensor, "b n"]:
        """Sounds with about these magnitudes."""
        phases = self.phases.expand_as(magnitudes)
        with torch.no_grad():
            for _ in range(steps):
                phases = self(self.sound(torch.polar(magnitudes, phases))).angle()
        return self.sound(torch.polar(magnitudes, phases))

    def _added(self, pieces: Float[Tensor, "b t k"]) -> Float[Tensor, "b n"]:
        """Pieces at their places, one on top of the other, without what is beyond the ends."""
        size = 1, self.features + 2 * self.around
        added = F.fold(pieces.mT, size, (1, self.fft), stride=(1, self.hop)).flatten(1)
        return added[:, self.around : self.around + self.features]
