"""What models that answer step by step have to say of a sound or a picture."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.chances import chances
from cartograd.architectures.decoding.ctc import ctc_beam_search
from cartograd.core.errors import UsageError
from cartograd.core.ports import Signature

ON, OFF = 0.5, 0.35
"""The probability at which something begins, and below which it ends."""

GAP, SHORTEST = 0.1, 0.25
"""Seconds of a pause that does not end it, and of what is too short to count."""


def of_steps(
    signature: Signature, x: Float[Tensor, "b c ..."], outputs: Float[Tensor, "b t k"], /
) -> list[dict[str, Any]]:
    """An answer for each example.

    Where the first label is empty it is CTC's blank, and the answer is the `text` that the steps
    read as, with its `probability`. Of a sound it is `segments`: what is heard from when to when,
    in seconds, and the mean `probability` of each label.

    Raises:
        UsageError: the steps are neither characters nor of a sound.
    """
    labels = signature.output.labels
    if labels[:1] == ("",):
        return [_text(labels, row) for row in outputs]
    if signature.input.kind != "audio" or signature.input.rate is None:
        raise UsageError(
            f"{signature.output.name!r} has a label at each step of {signature.input.name!r}, "
            "which can be shown for sounds, texts and lines of text only"
        )
    seconds = x.shape[-1] / signature.input.rate
    return [_segments(labels, row, seconds) for row in outputs]


def _text(labels: tuple[str, ...], logits: Float[Tensor, "t k"]) -> dict[str, Any]:
    best = ctc_beam_search(logits)[0]
    chance = float(torch.tensor(best.score).exp())
    return {"text": "".join(labels[place] for place in best.tokens), "probability": chance}


def _segments(
    labels: tuple[str, ...], logits: Float[Tensor, "t k"], seconds: float
) -> dict[str, Any]:
    found = chances(logits)
    if logits.shape[1] == 1:
        found = found[:, 1:]
    names = labels or tuple(map(str, range(found.shape[1])))
    segments = [
        {"label": name, "start": start, "end": end}
        for name, column in zip(names, found.T.tolist(), strict=True)
        for start, end in spans(column, seconds / len(column))
    ]
    means = dict(zip(names, found.mean(0).tolist(), strict=True))
    return {"segments": sorted(segments, key=lambda one: one["start"]), "means": means}


def spans(chance: list[float], step: float, /) -> list[tuple[float, float]]:
    """From when to when something is there, in seconds.

    Args:
        chance: that it is, at each step.
        step: seconds.

    >>> spans([0.1, 0.9, 0.4, 0.9, 0.1, 0.1, 0.1, 0.9], 0.2)
    [(0.2, 0.8)]
    """
    found: list[list[float]] = []
    there = False
    for place, value in enumerate(chance):
        there = value >= ON or (there and value >= OFF)
        start, end = place * step, (place + 1) * step
        if there and found and start - found[-1][1] < GAP:
            found[-1][1] = end
        elif there:
            found.append([start, end])
    return [(round(start, 3), round(end, 3)) for start, end in found if end - start >= SHORTEST]
