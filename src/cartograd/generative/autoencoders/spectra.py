"""How alike two sounds are by how loud they are at each pitch and time, whatever their phase.

    SC(x, x') = |  |STFT(x)| - |STFT(x')|  |  /  max(| |STFT(x)| |, that of quiet noise)

Departures: what is quieter than noise of a hundredth counts as no quieter, or else silence between
words would weigh more than all of them.

References:
    Sercan Arik, Heewoo Jun, Gregory Diamos. Fast spectrogram inversion using multi-head
    convolutional neural networks. 2018. https://arxiv.org/abs/1808.06719
    Ryuichi Yamamoto, Eunwoo Song, Jae-Min Kim. Parallel WaveGAN. 2019, section 2.2 (several sizes
    of the window). https://arxiv.org/abs/1910.11480
"""

import torch
from jaxtyping import Float
from torch import Tensor

WINDOWS = (64, 256, 1024)
"""Samples that are looked at together; each is moved by a quarter of it."""

QUIET = 0.01
"""Standard deviation of the noise that the quietest sounds are compared with."""


def magnitudes(x: Float[Tensor, "b t"], window: int, /) -> Float[Tensor, "b y x"]:
    """How loud sounds are at each pitch and time.

    >>> magnitudes(torch.ones(2, 64), 16).shape
    torch.Size([2, 9, 17])
    """
    weights = torch.hann_window(window, dtype=x.dtype, device=x.device)
    found = torch.stft(
        x, window, hop_length=window // 4, window=weights, pad_mode="constant", return_complex=True
    )
    return (found.real.square() + found.imag.square() + 1e-12).sqrt()


def spectral_convergence(
    x: Float[Tensor, "b t"], made: Float[Tensor, "b t"], /, *, windows: tuple[int, ...] = WINDOWS
) -> Float[Tensor, " b"]:
    """How far each made sound is from the true one, over several windows: 0 at best, 1 of silence.

    >>> x = torch.sin(torch.arange(2000.0))[None]
    >>> spectral_convergence(x, x), spectral_convergence(x, 0 * x).round(decimals=3)
    (tensor([0.]), tensor([1.]))
    """
    total = x.new_zeros(len(x))
    for window in windows:
        true, found = magnitudes(x, window), magnitudes(made, window)
        apart, loud = (true - found).flatten(1).norm(dim=1), true.flatten(1).norm(dim=1)
        weights = torch.hann_window(window, dtype=x.dtype, device=x.device)
        total = total + apart / loud.clamp_min(QUIET * weights.norm() * true[0].numel() ** 0.5)
    return total / len(windows)
