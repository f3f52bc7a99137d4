"""Spectrogram diffusion: sounds drawn as pictures of their bands, which are then made to sound.

A log-mel spectrogram shows speech as pictures show things: harmonics are lines, vowels are stripes
of them. The U-Net that takes noise out of pictures takes it out of these, and phases, which look
like noise and which the ear hardly hears, need not be learned: Griffin and Lim's steps find some.

    z = spectrogram(x),    z_t = alpha z + sigma noise,    x = griffin_lim(z)

Shapes: noise and sounds `b 1 n` (or `b n`), classes `b`; n is a multiple of a quarter of `fft`.

Departures: no notes and no text are told, at most a class; the paper's vocoder is a network that
learned, and its denoiser a transformer. A picture is made of the first numbers of its noise.

References:
    Curtis Hawthorne, Ian Simon, Adam Roberts, Neil Zeghidour, Josh Gardner, Ethan Manilow, Jesse
    Engel. Multi-instrument music synthesis with spectrogram diffusion. ISMIR 2022.
    https://arxiv.org/abs/2206.05408
    Tim Salimans, Jonathan Ho. Progressive distillation for fast sampling of diffusion models. ICLR
    2022 (`v`). https://arxiv.org/abs/2202.00512

>>> import torch
>>> model = SpectrogramDiffusion(features=512, n_mels=8, fft=64, width=8, sampling_steps=2)
>>> model(torch.randn(3, 1, 512)).shape, model.coded(torch.randn(3, 1, 512)).shape
(torch.Size([3, 1, 512]), torch.Size([3, 1, 8, 32]))
"""

import math
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.generative.diffusion.denoiser import Denoiser
from cartograd.generative.diffusion.paths import steps
from cartograd.generative.diffusion.spectrogram import Spectrogram
from cartograd.generative.diffusion.unet import UNet

CARD = Card(
    name="spectrogram-diffusion",
    kind="model",
    entry="SpectrogramDiffusion",
    nodes=("diffusion/audio",),
    title="Spectrogram diffusion",
    zh="频谱图扩散",
    paper="Multi-instrument music synthesis with spectrogram diffusion",
    year=2022,
    url="https://arxiv.org/abs/2206.05408",
    proofs=(
        "oracle: pieces of sounds, and the sound nearest to pieces, by scipy.signal's stft and "
        "istft, to 1e-10",
        "law: no step of Griffin and Lim's search leads away from the magnitudes, and a sound's "
        "own are found to -15 dB",
        "law: silence comes back as silence and vowels with their bands to 1.5 dB; ten times the "
        "power is 10 dB more",
        "law: a denoiser that knows the right spectrogram draws its sound",
    ),
    evidence={
        "diffusion/audio": (
            "test_sounds_come_back_with_their_bands_and_silence_as_silence",
            "acceptance:spectrogram-speech",
        ),
    },
    tiny={"features": 32, "classes": 3, "n_mels": 4, "fft": 16, "width": 8, "sampling_steps": 2},
    objective="denoising",
    answers="generate",
)


class SpectrogramDiffusion(nn.Module):
    """A denoiser of log-mel spectrograms, and the way from sounds to these and back.

    Args:
        features: samples of a sound.
        classes: how many there are to tell the model of; None trains without them.
        sample_rate: samples of sound per second.
        n_mels: bands of a spectrogram, at most as many as the samples from piece to piece.
        fft: samples of one piece of sound; each begins a quarter of it after the one before.
        width: channels of the U-Net at its largest size.
        patch_size: side of the squares of a spectrogram that become channels.
        sampling_steps: steps in which the model itself makes an example of noise.
        phase_steps: steps of the search for phases.

    Raises:
        UsageError: there are more bands than samples from piece to piece.
    """

    kinds: ClassVar = ("audio", "vector")
    """What examples may be; numbers in a row are heard as a sound."""

    def __init__(
        self,
        *,
        features: int,
        classes: int | None = None,
        sample_rate: int = 8000,
        n_mels: int = 32,
        fft: int = 256,
        width: int = 32,
        patch_size: int = 2,
        sampling_steps: int = 20,
        phase_steps: int = 32,
    ):
        super().__init__()
        self.spectrogram = Spectrogram(
            features, n_mels=n_mels, fft=fft, sample_rate=sample_rate, steps=phase_steps
        )
        self.features, self.dims = features, self.spectrogram.dims
        if math.prod(self.dims) > features:
            raise UsageError(
                f"n_mels={n_mels} with fft={fft} has more numbers than the sound; expected at most "
                f"n_mels={self.spectrogram.pieces.hop}"
            )
        path = steps("cosine", 1000)
        path.check(sampling_steps, called="sampling_steps")
        self.denoiser = Denoiser(
            UNet(1, width=width, patch=patch_size, classes=classes),
            path,
            predicts="v",
            classes=classes,
            steps=sampling_steps,
            limit=1.0,
        )
        why = "what it denoises are spectrograms, which do not say all of a sound"
        self.lacks = dict.fromkeys(("log_prob", "encode", "decode", "interpolate", "inpaint"), why)

    def forward(
        self, noise: Float[Tensor, "b ..."], y: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, "b ..."]:
        """One sound for each row of noise, by DDIM."""
        return self.decoded(self.denoiser(self.begun(noise), y)).reshape(noise.shape)

    def begun(self, noise: Float[Tensor, "b ..."], /) -> Float[Tensor, "b 1 m t"]:
        """See `DrawsCodes`."""
        return noise.flatten(1)[:, : math.prod(self.dims)].unflatten(1, self.dims)

    def coded(self, x: Float[Tensor, "b ..."], /) -> Float[Tensor, "b 1 m t"]:
        """See `DrawsCodes`."""
        return self.spectrogram(x.flatten(1))

    def decoded(self, z: Float[Tensor, "b 1 m t"], /) -> Float[Tensor, "b 1 n"]:
        """See `DrawsCodes`."""
        return self.spectrogram.sound(z)[:, None]
