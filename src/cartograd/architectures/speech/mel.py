"""Mel spectrograms: the power of a sound in each of a few bands of frequency, over time.

The ear tells low tones apart better than high ones, and so do the bands: of equal width up to
1000 Hz and of equal ratio above (Slaney's mel scale). A piece of the sound every `hop` samples is
faded in and out by a Hann window and split into waves; each band adds up the power of its waves
under a triangle, divided by the triangle's width.

    m(f) = 3 f / 200 up to 1000 Hz,  15 + 27 ln(f / 1000) / ln 6.4 above
    y[t, m] = sum_k triangle_m(k) |fourier(window x[t hop : t hop + fft])_k|^2

Shapes: sounds `b n`, spectrograms `b t m` with a frame around each multiple of `hop`.

References:
    Malcolm Slaney. Auditory toolbox, version 2. Interval Research, 1998 (the scale).
    https://engineering.purdue.edu/~malcolm/interval/1998-010/

>>> Mel(n_mels=40)(torch.zeros(2, 1600)).shape
torch.Size([2, 11, 40])
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

RATE = 16000
"""Samples per second that published models of this room take."""

KNEE, PER_HERTZ, PER_RATIO = 1000.0, 3 / 200, 27 / math.log(6.4)
"""Where the scale turns from steps in hertz to ratios, and mels for a hertz and for a factor e."""


class Mel(nn.Module):
    """The power in each band. Nothing is learned.

    Args:
        n_mels: how many.
        fft: samples of one piece.
        hop: samples from one piece to the next.
        reflect: continue the sound at both ends by its mirror image, instead of by silence.
        rate: samples per second.
    """

    window: Tensor
    filters: Tensor

    def __init__(
        self, *, n_mels: int, fft: int = 400, hop: int = 160, reflect: bool = True, rate: int = RATE
    ):
        super().__init__()
        self.fft, self.hop, self.mode = fft, hop, "reflect" if reflect else "constant"
        window = torch.hann_window(fft, dtype=torch.float64).float()
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("filters", filters(n_mels, fft, rate=rate).float(), persistent=False)

    def forward(self, sound: Float[Tensor, "b n"]) -> Float[Tensor, "b t m"]:
        """Power by time and band."""
        around = F.pad(sound, (self.fft // 2, self.fft // 2), mode=self.mode)
        pieces = around.unfold(1, self.fft, self.hop) * self.window
        waves = torch.view_as_real(torch.fft.rfft(pieces))
        return waves.square().sum(-1) @ self.filters


def filters(n_mels: int, fft: int, /, *, rate: int = RATE) -> Float[Tensor, "k m"]:
    """The triangles: weight of each wave in each band, of sounds of so many samples per second."""
    waves = torch.linspace(0, rate / 2, fft // 2 + 1, dtype=torch.float64)
    edges = _hertz(torch.linspace(0, _mels(rate / 2), n_mels + 2, dtype=torch.float64))
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising = (waves[:, None] - low) / (middle - low)
    falling = (high - waves[:, None]) / (high - middle)
    return torch.minimum(rising, falling).clamp(min=0) * 2 / (high - low)


def _mels(hertz: float) -> float:
    return KNEE * PER_HERTZ + PER_RATIO * math.log(hertz / KNEE)


def _hertz(mels: Tensor) -> Tensor:
    knee = KNEE * PER_HERTZ
    return torch.where(mels < knee, mels / PER_HERTZ, KNEE * torch.exp((mels - knee) / PER_RATIO))
