"""Mel ResNet: a sound's class, by its log-mel spectrogram seen as a picture.

In samples the same word never looks the same twice: phases and places differ. Its spectrogram shows
harmonics as lines and vowels as stripes, which convolutions find wherever they are, and the mean
over all places forgets where that was.

    z = batchnorm_band(log(mel x + floor)),    logits = resnet(z)

Pieces of 25 ms begin every 10 ms. Each band is standardised over the batch, so that quiet high ones
count as much as loud low ones.

Shapes: sounds `b 1 n` of any length; logits `b k`.

Departures: the network is a small three-stage ResNet with the stem for large pictures, which halves
bands and times twice before the first block; the paper's has 22 to 54 layers and a dense layer more
after the mean.

References:
    Qiuqiang Kong, Yin Cao, Turab Iqbal, Yuxuan Wang, Wenwu Wang, Mark Plumbley. PANNs: large-scale
    pretrained audio neural networks for audio pattern recognition. 2020.
    https://arxiv.org/abs/1912.10211 (section II, ResNets on log-mel spectrograms)
    Shawn Hershey et al. CNN architectures for large-scale audio classification. ICASSP 2017.
    https://arxiv.org/abs/1609.09430

>>> import torch
>>> MelResNet(classes=3, sample_rate=8000)(torch.zeros(2, 1, 4000)).shape
torch.Size([2, 3])
"""

from jaxtyping import Float
from torch import Tensor, nn

from cartograd.architectures.cnn.resnet import ResNet
from cartograd.architectures.speech.mel import Mel
from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="mel-resnet",
    kind="model",
    entry="MelResNet",
    nodes=("arch/resnet", "cnn/conv"),
    title="ResNet on log-mel spectrograms",
    zh="对数梅尔频谱图上的 ResNet",
    paper="PANNs: large-scale pretrained audio neural networks for audio pattern recognition",
    year=2020,
    url="https://arxiv.org/abs/1912.10211",
    proofs=(
        "oracle: transformers' mel filters, torch's Fourier transform and batch normalisation with "
        "the same network, outputs and gradients to 1e-10 in float64",
        "law: short tones of any phase and place are told apart, and a sound upside down is the "
        "same sound",
    ),
    tiny={"classes": 3, "width": 4, "n_mels": 8, "sample_rate": 4000},
)

PIECE, HOP = 40, 100
"""How many pieces of a sound are as long as a second, and how many begin in one."""

FLOOR = 1e-4
"""Power of a band that is none, of sounds of variance one."""


class MelResNet(nn.Module):
    """Convolutions over bands and times.

    Args:
        classes: how many there are.
        sample_rate: samples per second.
        n_mels: bands of the spectrogram.
        depth: layers of the network, 6n + 2.
        width: channels of the first stage, doubled by each later one.

    Raises:
        UsageError: no network has this depth, or a second has too few samples for pieces.
    """

    kinds = ("audio",)

    def __init__(
        self,
        *,
        classes: int,
        sample_rate: int = 16_000,
        n_mels: int = 64,
        depth: int = 8,
        width: int = 16,
    ):
        super().__init__()
        if sample_rate < 8 * PIECE:
            raise UsageError(
                f"mel-resnet: sample_rate={sample_rate} leaves {sample_rate // PIECE} samples for "
                f"a piece of {1000 // PIECE} ms; expected at least {8 * PIECE} a second"
            )
        fft, hop = sample_rate // PIECE, sample_rate // HOP
        self.mel = Mel(n_mels=n_mels, fft=fft, hop=hop, reflect=False, rate=sample_rate)
        self.bands = nn.BatchNorm1d(n_mels)
        self.resnet = ResNet(depth=depth, width=width, channels=1, classes=classes)

    def forward(self, sound: Float[Tensor, "b 1 n"]) -> Float[Tensor, "b k"]:
        """Logits."""
        logs = (self.mel(sound[:, 0]) + FLOOR).log()
        return self.resnet(self.bands(logs.mT)[:, None])
