"""Whisper: a transformer that transcribes speech, in one of 99 languages.

The sound's log-mel spectrogram goes through two convolutions, of which the second halves the
frames, and an encoder. A decoder generates tokens one after another, with cross-attention to the
encoder's output. The first tokens set the task (transcribe or translate, from which language, with
times or without), so that one network learns all of it from 680,000 hours of the web.

    x_t = gelu conv2 gelu conv1 m_t + sin/cos_t          m = max(log10 mel, max - 8) / 4 + 1
    e = encoder(x)        z_i = W norm decoder(W_yi + p_i, e)        p(y_i+1 | y_1..i, sound)

Shapes: sounds `b 1 n` of 16,000 samples per second in [-1, 1], 30 s at most; tokens `b t`; logits
`b t v`. The published weights want every sound filled up with silence to 30 s: `decoder` does so.

Departures: none from the published models. The encoder's positions are computed, not kept: the
parameters that others count are ours and those (576,000 of tiny's 37,760,640).

References:
    Alec Radford, Jong Wook Kim, Tao Xu, Greg Brockman, Christine McLeavey, Ilya Sutskever. Robust
    speech recognition via large-scale weak supervision. 2022. https://arxiv.org/abs/2212.04356

>>> with torch.device("meta"):
...     model = Whisper()
>>> sum(weight.numel() for weight in model.parameters()) + model.listener.positions.numel()
72593920
"""

import math
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.architectures.speech.mel import RATE, Mel
from cartograd.architectures.transformer.attention import MultiHeadAttention, Pair
from cartograd.architectures.transformer.block import Block
from cartograd.architectures.transformer.cache import Cache
from cartograd.architectures.transformer.feed_forward import FeedForward
from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="whisper",
    kind="model",
    entry="Whisper",
    nodes=("arch/transformer", "seq2seq/encoder-decoder"),
    title="Whisper (speech recognition)",
    zh="Whisper 语音识别",
    paper="Robust speech recognition via large-scale weak supervision",
    year=2022,
    url="https://arxiv.org/abs/2212.04356",
    proofs=(
        "oracle: transformers' Whisper with the same weights, outputs and gradients to 1e-10 in "
        "float64; its feature extractor to 1e-5",
        "law: written token by token with its memory it gives the logits of the full pass, also "
        "after rows were reordered and tokens forgotten",
        "paper: 37,760,640 / 72,593,920 / 241,734,912 / 763,857,920 / 1,543,304,960 parameters",
    ),
    tiny={"dim": 16, "heads": 2, "depth": 1, "vocabulary": 9, "context": 12, "seconds": 0.4,
          "n_mels": 10},
    objective="label-tokens",
    renamed={"bands": "n_mels"},
)  # fmt: skip

PRESETS = {
    "whisper-tiny": {"dim": 384, "heads": 6, "depth": 4},
    "whisper-small": {"dim": 768, "heads": 12, "depth": 12},
    "whisper-medium": {"dim": 1024, "heads": 16, "depth": 24},
    "whisper-large": {"dim": 1280, "heads": 20, "depth": 32},
}

HOP = 160
"""Samples from one frame of the spectrogram to the next; the encoder has half as many frames."""


class Whisper(nn.Module):
    """A transcriber; by default the size called base.

    Args:
        dim: features of each position.
        heads: number of heads of each attention.
        depth: number of blocks of the encoder, and of the decoder.
        vocabulary: size of the vocabulary.
        context: greatest number of tokens of an answer.
        seconds: the longest sound.
        n_mels: of the mel spectrogram.
    """

    def __init__(
        self,
        *,
        dim: int = 512,
        heads: int = 8,
        depth: int = 6,
        vocabulary: int = 51865,
        context: int = 448,
        seconds: float = 30.0,
        n_mels: int = 80,
    ):
        super().__init__()
        self.samples, self.context = round(seconds * RATE), context
        self.mel = Mel(n_mels=n_mels)
        self.listener = Listener(n_mels, dim, heads, depth, self.samples // HOP // 2)
        self.writer = Writer(vocabulary, dim, heads, depth, context)

    def forward(
        self, sound: Float[Tensor, "b 1 n"], tokens: Int[Tensor, "b t"]
    ) -> Float[Tensor, "b t v"]:
        """Logits after each token."""
        return self.writer(tokens, self.heard(sound))

    def heard(self, sound: Float[Tensor, "b 1 n"], /) -> Float[Tensor, "b s d"]:
        """The encoder's output for a sound.

        Raises:
            UsageError: it is too long, or there is nothing to hear.
        """
        if not 2 * HOP <= sound.shape[2] <= self.samples:
            raise UsageError(
                f"whisper: a sound of {sound.shape[2] / RATE:g} s; expected at most "
                f"{self.samples / RATE:g} s, and {2 * HOP / RATE:g} s at least"
            )
        return self.listener(self.features(sound))

    def features(self, sound: Float[Tensor, "b 1 n"], /) -> Float[Tensor, "b m t"]:
        """The log-mel spectrogram, brought to about [-1, 1]."""
        power = self.mel(sound[:, 0])[:, :-1].transpose(1, 2)
        loud = power.clamp(min=1e-10).log10()
        return torch.maximum(loud, loud.amax((1, 2), keepdim=True) - 8) / 4 + 1

    def decoder(self, source: Float[Tensor, "b 1 n"], capacity: int, /) -> "Writing":
        """A decoder of the text of sounds, padded with silence to their full length.

        Raises:
            UsageError: a sound is too long, or the answer would be.
        """
        if capacity > self.context:
            raise UsageError(
                f"whisper: an answer of {capacity} tokens; expected at most {self.context}"
            )
        with torch.inference_mode():
            full = F.pad(source, (0, max(0, self.samples - source.shape[2])))
            return Writing(self.writer, self.heard(full), capacity)


class Listener(nn.Module):
    """The encoder: from a spectrogram to features."""

    positions: Tensor

    def __init__(self, n_mels: int, dim: int, heads: int, depth: int, places: int, /):
        super().__init__()
        self.conv1 = nn.Conv1d(n_mels, dim, 3, padding=1)
        self.conv2 = nn.Conv1d(dim, dim, 3, stride=2, padding=1)
        self.register_buffer("positions", waves(places, dim), persistent=False)
        self.blocks = nn.ModuleList(block(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)

    def forward(self, features: Float[Tensor, "b m t"]) -> Float[Tensor, "b s d"]:
        """One vector for each two frames."""
        x = F.gelu(self.conv2(F.gelu(self.conv1(features)))).transpose(1, 2)
        x = x + self.positions[: x.shape[1]]
        for part in self.blocks:
            x = part(x)
        return self.norm(x)


class Writer(nn.Module):
    """The decoder: from the tokens so far and the encoder's output to the next token."""

    def __init__(self, vocabulary: int, dim: int, heads: int, depth: int, context: int, /):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, dim)
        self.positions = nn.Embedding(context, dim)
        self.blocks = nn.ModuleList(block(dim, heads, cross=True) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)
        nn.init.normal_(self.embed.weight, std=0.02)
        nn.init.normal_(self.positions.weight, std=0.02)

    def forward(
        self,
        tokens: Int[Tensor, "b t"],
        heard: Float[Tensor, "b s d"] | list[Pair],
        cache: Cache | None = None,
        last: bool = False,
    ) -> Float[Tensor, "b t2 v"]:
        """Logits after each token, or after the last one only.

        Args:
            tokens: new ones.
            heard: the encoder's output, or the keys and values of it for each block.
            cache: of the tokens before.
            last: whether the last logits are enough.

        Raises:
            UsageError: more tokens than there are places for.
        """
        length, start = tokens.shape[1], 0 if cache is None else cache.length
        if start + length > self.positions.num_embeddings:
            raise UsageError(
                f"whisper: {start + length} tokens; expected at most "
                f"{self.positions.num_embeddings}"
            )
        x = self.embed(tokens) + self.positions.weight[start : start + length]
        for number, part in enumerate(self.blocks):
            memory = heard[number] if isinstance(heard, list) else heard
            own = None if cache is None else cache[number]
            x = part(x, memory=memory, causal=True, cache=own)
        return F.linear(self.norm(x[:, -1:] if last else x), self.embed.weight)


class Writing:
    """A transcript while it is generated: what `core.protocols.Decoder` asks for."""

    def __init__(self, writer: Writer, heard: Float[Tensor, "b s d"], capacity: int, /):
        self.writer = writer
        blocks = [part for part in writer.blocks if isinstance(part, Block)]
        self.heard = [part.cross.remembered(heard) for part in blocks if part.cross is not None]
        keys = self.heard[0][0]
        rows, heads, _, width = keys.shape
        self.cache = Cache(len(blocks), rows, heads, capacity, width, keys.dtype, keys.device)

    @property
    def length(self) -> int:
        """How many tokens have been read."""
        return self.cache.length

    @torch.inference_mode()
    def read(self, tokens: Int[Tensor, "b t"], /, *, last: bool = False) -> Float[Tensor, "b t2 v"]:
        """Logits after each of the new tokens, or after the last one only."""
        return self.writer(tokens, self.heard, self.cache, last)

    def reorder(self, rows: Int[Tensor, " n"], /) -> None:
        """Keep these rows in this order."""
        self.cache.reorder(rows)
        self.heard = [(k[rows], v[rows]) for k, v in self.heard]

    def rewind(self, length: int, /) -> None:
        """Forget every token after the first `length`."""
        self.cache.rewind(length)


def block(dim: int, heads: int, /, *, cross: bool = False) -> Block:
    """A block whose keys have no bias, with cross-attention if asked for."""
    attention = partial(MultiHeadAttention, dim=dim, heads=heads, biases="qvo")
    return Block(
        attention=attention(),
        feed_forward=FeedForward(dim=dim, ffn_dim=4 * dim, activation="gelu"),
        cross=attention() if cross else None,
    )


def waves(places: int, dim: int, /) -> Float[Tensor, "t d"]:
    """Positions of frames: sines, then cosines, each slower than the one before."""
    slower = torch.exp(-math.log(10_000) / (dim // 2 - 1) * torch.arange(dim // 2))
    turns = torch.arange(places)[:, None] * slower
    return torch.cat([turns.sin(), turns.cos()], 1)
