"""Speaker encoder: a voice as a unit vector, utterances of one voice near each other.

Stacked LSTMs read the mel spectrogram of 1.6 s and their last state becomes a vector of length one.
A longer utterance is cut into overlapping pieces, whose vectors are averaged. Training (GE2E) draws
each utterance towards the mean of its own speaker's others and away from all other speakers' means,
so that the cosine of two vectors tells whether it is the same voice, also of people never heard.

    e(x) = relu(W h_T) / |relu(W h_T)|      e(utterance) = sum_i e(x_i) / |sum_i e(x_i)|
    L(e_ji) = -log softmax_k(w cos(e_ji, c_k) + b)_j     c_j without e_ji itself

Shapes: sounds `b 1 n` of 16,000 samples per second in [-1, 1]; embeddings `b d`.

Departures: as in Resemblyzer, whose weights fit: no projection inside of the LSTMs, a ReLU before
the length is taken away, power (not its logarithm) in the bands, sounds that are too quiet made
louder (to -30 dB). Silence is not cut out of the sound.

References:
    Li Wan, Quan Wang, Alan Papir, Ignacio Lopez Moreno. Generalized end-to-end loss for speaker
    verification. 2017, ICASSP 2018. https://arxiv.org/abs/1710.10467

>>> model = SpeakerEncoder()
>>> sum(weight.numel() for weight in model.parameters())
1423616
>>> model(torch.rand(2, 1, 48000)).norm(dim=1).round(decimals=4)
tensor([1., 1.], grad_fn=<RoundBackward1>)
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.architectures.rnn.lstm import recurrence
from cartograd.architectures.speech.mel import Mel
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.foundations.activations.relu import relu

CARD = Card(
    name="speaker-encoder",
    kind="model",
    entry="SpeakerEncoder",
    nodes=("rnn/stacked", "rnn/lstm"),
    title="Speaker encoder (LSTM, GE2E)",
    zh="说话人编码器（LSTM，GE2E）",
    paper="Generalized end-to-end loss for speaker verification",
    year=2017,
    url="https://arxiv.org/abs/1710.10467",
    proofs=(
        "oracle: transformers' mel filters and a torch.nn.LSTM built by hand, outputs and "
        "gradients to 1e-10 in float64",
        "law: embeddings have length one and do not change with the volume of a quiet sound; the "
        "pieces cover the utterance",
        "law: the GE2E loss equals its definition written out, and falls when voices part",
        "paper: 1,423,616 parameters",
    ),
    tiny={"width": 8, "depth": 2, "dim": 6, "n_mels": 10},
    renamed={"bands": "n_mels"},
)

FRAMES, STEP = 160, 77
"""Frames of one piece (1.6 s), and from one piece to the next (1.3 pieces a second)."""

LEAST = 0.75
"""Share of the last piece that has to be there."""

LOUD = 10 ** (-30 / 20)
"""Root mean square that a quiet sound is brought to."""


class SpeakerEncoder(nn.Module):
    """From sounds to unit vectors.

    Args:
        width: features of each LSTM.
        depth: how many LSTMs are stacked.
        dim: numbers of the embedding.
        n_mels: of the mel spectrogram.
    """

    def __init__(self, *, width: int = 256, depth: int = 3, dim: int = 256, n_mels: int = 40):
        super().__init__()
        self.mel = Mel(n_mels=n_mels, reflect=False)
        self.lstm = recurrence(n_mels, width, depth=depth)
        self.linear = nn.Linear(width, dim)

    def forward(self, sound: Float[Tensor, "b 1 n"]) -> Float[Tensor, "b d"]:
        """The embedding of each utterance."""
        starts = pieces(sound.shape[2])
        short = (starts[-1] + FRAMES) * self.mel.hop - sound.shape[2]
        mel = self.mel(F.pad(louder(sound[:, 0]), (0, max(0, short))))
        cut = torch.stack([mel[:, start : start + FRAMES] for start in starts], 1)
        each = self.embed(cut.flatten(0, 1)).unflatten(0, cut.shape[:2])
        return F.normalize(each.sum(1), dim=1)

    def embed(self, mel: Float[Tensor, "b t m"], /) -> Float[Tensor, "b d"]:
        """The embedding of one piece, from its mel spectrogram."""
        return F.normalize(relu(self.linear(self.lstm.ends(mel))), dim=1)


def louder(sound: Float[Tensor, "b n"], /) -> Float[Tensor, "b n"]:
    """Each sound that is quieter than -30 dB brought to that; silence stays silence."""
    size = sound.square().mean(1, keepdim=True).sqrt()
    return sound * (LOUD / size.clamp(min=1e-8)).clamp(min=1)


def pieces(samples: int, /) -> list[int]:
    """The frames at which the pieces of an utterance begin.

    >>> pieces(48000), pieces(8000)
    ([0, 77, 154], [0])
    """
    hop = 160
    frames = math.ceil((samples + 1) / hop)
    starts = list(range(0, max(1, frames - FRAMES + STEP + 1), STEP))
    covered = (samples - starts[-1] * hop) / (FRAMES * hop)
    return starts[:-1] if covered < LEAST and len(starts) > 1 else starts


def ge2e(
    embeddings: Float[Tensor, "n t d"], weight: Float[Tensor, ""], bias: Float[Tensor, ""], /
) -> Float[Tensor, "n t"]:
    """The generalized end-to-end loss of each utterance.

    Args:
        embeddings: of n speakers with t utterances each, of length one.
        weight: factor that makes a cosine a score; learned, 10 at first.
        bias: what is added to it; learned, -5 at first.

    Raises:
        UsageError: there is one speaker, or one utterance of each.
    """
    speakers, utterances = embeddings.shape[:2]
    if speakers < 2 or utterances < 2:
        raise UsageError(
            f"GE2E compares utterances of several speakers, got {speakers} x {utterances}; "
            "expected at least two speakers with two utterances each"
        )
    total = embeddings.sum(1)
    centres = F.normalize(total, dim=1)
    scores = embeddings @ centres.T
    others = F.normalize(total[:, None] - embeddings, dim=2)
    own = (embeddings * others).sum(2)
    mine = torch.eye(speakers, dtype=torch.bool, device=embeddings.device)[:, None]
    scores = torch.where(mine, own[:, :, None], scores) * weight + bias
    targets = torch.arange(speakers, device=embeddings.device)[:, None].expand(-1, utterances)
    return F.cross_entropy(scores.flatten(0, 1), targets.flatten(), reduction="none").unflatten(
        0, (speakers, utterances)
    )
