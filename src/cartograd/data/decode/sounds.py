"""Sound from files as mono samples of one rate and length."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port

SUFFIXES = (".wav", ".flac", ".ogg")


def samples(path: str | Path, /, *, rate: int | None = None) -> tuple[Float[Tensor, " t"], int]:
    """The samples of a file in [-1, 1], channels averaged, and how many make a second.

    Args:
        path: a file that libsndfile reads.
        rate: samples per second to bring it to (polyphase filter); by default its own.

    Raises:
        UsageError: no such file, not a readable sound, or an empty one.
    """
    import soundfile

    try:
        values, own = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise UsageError(f"{path} is not a readable sound ({error}); expected WAV") from error
    if not len(values):
        raise UsageError(f"{path} holds no samples; expected a sound")
    mono = values.mean(axis=1)
    if rate is not None and rate != own:
        from scipy.signal import resample_poly

        ratio = Fraction(rate, own)
        mono = resample_poly(mono, ratio.numerator, ratio.denominator).astype(np.float32)
    if not np.isfinite(mono).all():
        raise UsageError(f"{path} holds samples that are no finite numbers; mend or remove it")
    return torch.from_numpy(mono.clip(-1, 1)), rate or own


def fitted(sound: Float[Tensor, " t"], length: int, /) -> Float[Tensor, " s"]:
    """The first `length` samples, with silence after a shorter sound."""
    return torch.nn.functional.pad(sound[:length], (0, max(0, length - len(sound))))


def read_port(port: Port, source: Any, /) -> Float[Tensor, "c t"]:
    """One example for an audio port: a file's sound at the port's rate and length, or samples.

    Raises:
        UsageError: the file cannot be read, or the samples are not of the port's length.
    """
    length = port.dims[-1]
    if isinstance(source, str | Path):
        sound, _ = samples(source, rate=port.rate)
    else:
        sound = torch.as_tensor(np.asarray(source), dtype=torch.float32).flatten()
    return (fitted(sound, length) if isinstance(length, int) else sound)[None]
