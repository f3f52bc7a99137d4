"""Silero VAD: a small network that detects, 31 times a second, whether somebody is speaking.

Each window of 32 ms, with the 4 ms before it, is split into waves by a convolution, narrowed to one
vector by four more, and passed to an LSTM cell, whose state goes on from window to window. So a
stream is processed as it comes, at the cost of a thousandth of a core.

    s_t = |fourier(x_t)|      u_t = relu conv^4 s_t      h_t, c_t = lstm(u_t, h_t-1, c_t-1)
    z_t = w . relu(h_t) + b                             p(speech) = sigmoid(z_t)

Shapes: sounds `b 1 n` of 16,000 samples per second in [-1, 1]; logits `b t 1`, one for each 512
samples. A last window that is not full is filled up with silence.

Departures: the network and its names are those of the published weights (version 5 and 6, 16 kHz);
how they were trained has not been published. The convolution that makes the waves starts as a
Fourier transform under a Hann window, which it still is in the published weights, to 4e-5.

References:
    Silero Team. Silero VAD: pre-trained enterprise-grade voice activity detector. 2021-2025.
    https://github.com/snakers4/silero-vad

>>> model = SileroVAD()
>>> sum(weight.numel() for weight in model.parameters()), model(torch.zeros(2, 1, 1600)).shape
(309633, torch.Size([2, 4, 1]))
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.architectures.rnn.lstm import recurrence
from cartograd.core.card import Card
from cartograd.foundations.activations.relu import relu

CARD = Card(
    name="vad",
    kind="model",
    entry="SileroVAD",
    nodes=("rnn/lstm", "cnn/conv"),
    title="Silero VAD (voice activity detection)",
    zh="Silero 语音活动检测网络",
    paper="Silero VAD: pre-trained enterprise-grade voice activity detector",
    year=2021,
    url="https://github.com/snakers4/silero-vad",
    proofs=(
        "oracle: torch.stft and torch.nn.LSTMCell stepped window by window, outputs and gradients "
        "to 1e-10 in float64",
        "law: read in pieces with its state handed on, a sound gets the same answers; what comes "
        "later changes nothing",
        "paper: 309,633 parameters",
    ),
    tiny={"width": 8},
)

WINDOW, BEFORE, AFTER = 512, 64, 64
"""Samples that one answer is for, those before them that are seen too, and mirrored ones after."""

FFT, HOP = 256, 128
"""Samples of one piece that is split into waves, and from one to the next."""


class Memory(NamedTuple):
    """The state of a stream between its chunks."""

    before: Float[Tensor, "b n"]
    h: Float[Tensor, "1 b d"]
    c: Float[Tensor, "1 b d"]


class SileroVAD(nn.Module):
    """A voice activity detector.

    Args:
        width: features of the LSTM cell and of the outer convolutions; the inner have half.
    """

    def __init__(self, *, width: int = 128):
        super().__init__()
        bins = FFT // 2 + 1
        self.stft_conv = nn.Conv1d(1, 2 * bins, FFT, stride=HOP, bias=False)
        self.conv1 = nn.Conv1d(bins, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width // 2, 3, stride=2, padding=1)
        self.conv3 = nn.Conv1d(width // 2, width // 2, 3, stride=2, padding=1)
        self.conv4 = nn.Conv1d(width // 2, width, 3, padding=1)
        self.lstm = recurrence(width, width)
        self.out = nn.Linear(width, 1)
        with torch.no_grad():
            self.stft_conv.weight.copy_(_waves()[:, None])

    def forward(self, sound: Float[Tensor, "b 1 n"]) -> Float[Tensor, "b t 1"]:
        """Logits of speech, one for each window."""
        return self.stream(sound)[0]

    def stream(
        self, sound: Float[Tensor, "b 1 n"], memory: Memory | None = None, /
    ) -> tuple[Float[Tensor, "b t 1"], Memory]:
        """Logits for a chunk of a sound, and the state to pass with the next one.

        Every piece but the last should hold whole windows of 512 samples.
        """
        x = F.pad(sound[:, 0], (0, -sound.shape[2] % WINDOW))
        if memory is None:
            memory = Memory(x.new_zeros(x.shape[0], BEFORE), *self.lstm.start(x))
        x = torch.cat([memory.before, x], 1)
        windows = x.unfold(1, BEFORE + WINDOW, WINDOW)
        seen = self._seen(windows.flatten(0, 1)).unflatten(0, windows.shape[:2])
        hidden, (h, c) = self.lstm.read(seen, (memory.h, memory.c))
        return self.out(relu(hidden)), Memory(x[:, -BEFORE:], h, c)

    def _seen(self, window: Float[Tensor, "b n"]) -> Float[Tensor, "b d"]:
        """One vector for each window."""
        waves = self.stft_conv(F.pad(window[:, None], (0, AFTER), mode="reflect"))
        x = torch.linalg.vector_norm(waves.unflatten(1, (2, -1)), dim=1)
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = relu(conv(x))
        return x[:, :, 0]


def _waves() -> Float[Tensor, "k n"]:
    """Cosines and sines of a Fourier transform, under a Hann window."""
    n = torch.arange(FFT, dtype=torch.float64)
    turns = 2 * math.pi / FFT * torch.arange(FFT // 2 + 1, dtype=torch.float64)[:, None] * n
    return torch.cat([turns.cos(), -turns.sin()]) * torch.hann_window(FFT, dtype=torch.float64)
