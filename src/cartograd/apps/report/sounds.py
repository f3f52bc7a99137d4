"""Drawn sounds as a WAV file: one after the other, with a pause between them."""

import io
import wave

import numpy as np
from jaxtyping import Float
from torch import Tensor

PAUSE = 0.3
"""Seconds between two sounds."""

FULL = 32767
"""The number that stands for 1 in a sample of 16 bits."""


def wav(x: Float[Tensor, "b ..."], rate: int, /) -> bytes:
    """Sounds in [-1, 1] as one file of 16 bits and one channel.

    >>> import torch
    >>> len(wav(torch.zeros(2, 100), 1000)) - 44  # two sounds and a pause, two bytes each
    1000
    """
    quiet = np.zeros(round(PAUSE * rate), np.int16)
    pieces: list[np.ndarray] = []
    for one in x.flatten(1).double().cpu().numpy():
        pieces += [quiet, (FULL * one.clip(-1, 1)).round().astype(np.int16)]
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.concatenate(pieces[1:]).astype("<i2").tobytes())
    return buffer.getvalue()
