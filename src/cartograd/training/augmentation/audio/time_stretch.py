"""Time stretch: each sound faster or slower at its own pitch, by a phase vocoder.

The sound is cut into short overlapping pieces, each a sum of waves. Read faster, the pieces follow
each other sooner; the phase of each wave goes on from where it was, at the speed it had between
the pieces it came from, so that the pitch stays.

    |X'(k)| = between |X(j)| and |X(j + 1)|,    phase'(k + 1) = phase'(k) + advance(j),  j = s k
    advance(j) = w + wrapped(phase(j + 1) - phase(j) - w), w what a bin's own frequency turns

Shapes: sounds `b c t`, kept: what does not fit any more is cut off, silence comes after the end.

Departures: none from the formula that torchaudio and librosa use. As there, the phases of
neighbouring bins drift apart, and a pure tone may lose some of its loudness.

References:
    J. L. Flanagan, R. M. Golden. Phase vocoder. Bell System Technical Journal 45, 1966.
    https://doi.org/10.1002/j.1538-7305.1966.tb01706.x

>>> x = torch.sin(torch.arange(4096) * 0.25)[None, None]
>>> torch.allclose(stretched(x, torch.ones(1)), x, atol=1e-4)
True
"""

import math

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.data.dataset.counter_random import CounterRandom

CARD = Card(
    name="time-stretch",
    kind="augmentation",
    entry="time_stretch",
    nodes=("regularize/augmentation-audio",),
    title="Time stretch",
    zh="时间伸缩（音高不变）",
    paper="Phase vocoder",
    year=1966,
    url="https://doi.org/10.1002/j.1538-7305.1966.tb01706.x",
    proofs=(
        "law: a tone keeps its frequency, to half a per mille, while a click moves in time by the "
        "factor; a factor of 1 changes nothing",
        "law: equal to the published recursion carried out frame by frame, to 1e-10 in float64",
    ),
    evidence={"regularize/augmentation-audio": ("test_equal_to_the_recursion_frame_by_frame",)},
)

WINDOW = 512
"""Samples of a piece; four of them overlap at each place."""


def time_stretch(
    x: Float[Tensor, "b c t"], rng: CounterRandom, /, *, tempo: tuple[float, float] = (0.8, 1.25)
) -> Float[Tensor, "b c t"]:
    """Each sound `tempo` times as fast, at its own pitch.

    Args:
        x: a batch of sounds.
        rng: random numbers of each example.
        tempo: smallest and largest factor on the tempo; the pitch stays.

    Raises:
        UsageError: the sounds are shorter than half a piece.
    """
    return stretched(x, rng.between(*tempo))


def stretched(x: Float[Tensor, "b c t"], factor: Float[Tensor, " b"], /) -> Float[Tensor, "b c t"]:
    """Each sound as many times as fast as its factor says."""
    b, c, length = x.shape
    if length <= WINDOW // 2:
        raise UsageError(
            f"time-stretch needs more than {WINDOW // 2} samples, and these sounds have {length}"
        )
    window, hop = torch.hann_window(WINDOW, dtype=x.dtype, device=x.device), WINDOW // 4
    pieces = torch.stft(
        x.reshape(b * c, length), WINDOW, hop, window=window, return_complex=True
    )  # b*c k frames
    moved = vocoder(pieces, factor.repeat_interleave(c).to(x), hop)
    return torch.istft(moved, WINDOW, hop, window=window, length=length).reshape(b, c, length)


def vocoder(
    pieces: Complex[Tensor, "b k t"], factor: Float[Tensor, " b"], hop: int, /
) -> Complex[Tensor, "b k t"]:
    """As many pieces as there were, read at a speed of their own in each row."""
    b, bins, frames = pieces.shape
    at = factor[:, None] * torch.arange(frames, dtype=factor.dtype, device=factor.device)  # b t
    first = at.floor().long()
    padded = torch.nn.functional.pad(pieces, (0, 2))

    def read(values: Tensor, step: int) -> Tensor:
        frame = (first + step).clamp_max(frames + 1)
        return values.gather(2, frame[:, None].expand(b, bins, frames))

    phase, size = padded.angle(), padded.abs()
    turn = torch.linspace(0, math.pi * hop, bins, dtype=factor.dtype, device=factor.device)[:, None]
    change = read(phase, 1) - read(phase, 0) - turn
    change = change - 2 * math.pi * (change / (2 * math.pi)).round() + turn
    start = phase[:, :, :1]
    going = torch.cat([start, start + change[:, :, :-1].cumsum(2)], dim=2)
    share = (at - first)[:, None]
    return torch.polar(torch.lerp(read(size, 0), read(size, 1), share), going)
