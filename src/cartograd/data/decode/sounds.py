"""Sound from files as mono samples of one rate and length."""

import io
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from cartograd.core.arrays import Tensor, torch
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port

SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff")

LARGEST = 500_000_000
"""Numbers that a file may hold, of all channels: three hours of stereo at 22,050 per second."""

ENDLESS = (0, 0x7FFFFFFF, 0xFFFFFFFF)
"""What programs that write into a pipe put for a size that they do not know."""

HALF = 0.5
"""A sound of which less is listened to is pointed out."""


class Sound(NamedTuple):
    """What is in a file.

    Attributes:
        samples: in [-1, 1], of one channel, at the rate that was asked for.
        rate: samples per second that the file has.
        channels: that were averaged.
        peak: the largest number in the file; what is beyond 1 is cut off.
    """

    samples: Float[Tensor, " t"]
    rate: int
    channels: int
    peak: float


def sound(source: Any, /, *, rate: int | None = None, name: str = "") -> Sound:
    """A file as samples in [-1, 1], channels averaged.

    Args:
        source: a path, or the bytes of a file.
        rate: samples per second to bring it to (polyphase filter); by default its own.
        name: what to call the source in an error, if not by its path.

    Raises:
        UsageError: no such file, not a readable sound, an empty, truncated or very long one, or
            one with numbers that are not finite.
    """
    name = name or (str(source) if isinstance(source, str | Path) else "the sound given")
    values, own = _read(source, name)
    if not len(values):
        raise UsageError(f"{name} holds no samples; expected a sound")
    if not np.isfinite(values).all():
        raise UsageError(f"{name} holds samples that are no finite numbers; mend or remove it")
    peak, mono = float(np.abs(values).max()), values.mean(axis=1)
    if rate is not None and rate != own:
        from scipy.signal import resample_poly

        ratio = Fraction(rate, own)
        mono = resample_poly(mono, ratio.numerator, ratio.denominator).astype(np.float32)
    return Sound(torch.from_numpy(mono.clip(-1, 1)), own, values.shape[1], peak)


def _read(source: Any, name: str) -> tuple[np.ndarray, int]:
    """All numbers of a file, a row for each moment, and how many rows make a second."""
    import soundfile

    given = io.BytesIO(source) if isinstance(source, bytes | bytearray) else str(source)
    try:
        with soundfile.SoundFile(given) as file:
            count = file.frames * file.channels
            if count > LARGEST:
                raise UsageError(
                    f"{name} says that it holds {count:,} numbers; expected at most {LARGEST:,}: "
                    "cut it up"
                )
            _check_whole(source, name)
            return file.read(dtype="float32", always_2d=True), file.samplerate
    except (soundfile.LibsndfileError, OSError, RuntimeError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(
            f"{name} is not a readable sound ({error}); expected WAV, FLAC, OGG, MP3 or AIFF"
        ) from error


def _check_whole(source: Any, name: str) -> None:
    """Refuse a WAV file that ends before its header says: it is read without a word otherwise."""
    if isinstance(source, bytes | bytearray):
        head, size = bytes(source[:12]), len(source)
    else:
        with Path(source).open("rb") as file:
            head, size = file.read(12), file.seek(0, io.SEEK_END)
    said = int.from_bytes(head[4:8], "little")
    if head[:4] == b"RIFF" and said not in ENDLESS and said + 8 > size + 1:
        raise UsageError(
            f"{name} is truncated: its header says {said + 8:,} bytes, and there are {size:,}; "
            "mend or remove it"
        )


def fitted(samples: Float[Tensor, " t"], length: int, /) -> Float[Tensor, " s"]:
    """The first `length` samples, with silence after a shorter sound."""
    return torch.nn.functional.pad(samples[:length], (0, max(0, length - len(samples))))


def read_port(port: Port, source: Any, notes: list[str], /) -> Float[Tensor, "c t"]:
    """One example for an audio port: a file's sound at the port's rate and length, or samples.

    Args:
        port: what is to be filled.
        source: a path, the bytes of a file, or samples.
        notes: gets a line where less than half of a file is listened to, or it is too loud.

    Raises:
        UsageError: the file cannot be read.
    """
    length = port.dims[-1]
    if not isinstance(source, str | Path | bytes | bytearray):
        samples = torch.as_tensor(np.asarray(source), dtype=torch.float32).flatten()
        return (fitted(samples, length) if isinstance(length, int) else samples)[None]
    name = str(source) if isinstance(source, str | Path) else "the sound given"
    samples, own, _, peak = sound(source, rate=port.rate, name=name)
    if peak > 1:
        notes.append(f"{name} has numbers up to {peak:g}; what is beyond 1 is cut off")
    if not isinstance(length, int):
        return samples[None]
    if length < HALF * len(samples):
        rate = port.rate or own
        notes.append(
            f"{name} has {len(samples) / rate:.3g} s: only the first {length / rate:.3g} s, "
            f"{length / len(samples):.0%}, are listened to"
        )
    return fitted(samples, length)[None]
