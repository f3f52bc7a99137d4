"""A class at each position: of the tokens of a text, or of a sound from when to when."""

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from cartograd.apps.answers.asked import Asked
from cartograd.apps.answers.probabilities import class_probabilities
from cartograd.core.errors import UsageError

ON, OFF = 0.5, 0.35
"""The probability at which something begins, and below which it ends."""

GAP, SHORTEST = 0.1, 0.25
"""Seconds of a pause that does not end it, and of what is too short to count."""


@dataclass(frozen=True)
class Tags:
    """A class for each token of the text.

    >>> Tags(("DET", "NOUN")).rows()
    [[('labels', 'DET NOUN')]]
    """

    labels: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """One label for each token."""
        return {"labels": list(self.labels)}

    def rows(self) -> list[list[tuple[str, str]]]:
        """All of them in one cell."""
        return [[("labels", " ".join(self.labels))]]

    def flat(self) -> dict[str, Any]:
        """All of them in one cell."""
        return {"labels": " ".join(self.labels)}

    def draw(self, axes: Any, /) -> None:
        """The label of each position above it."""
        axes.set_xlim(-0.5, len(self.labels) - 0.5)
        for index, label in enumerate(self.labels):
            axes.text(index, 0.5, label, ha="center", va="center", rotation=90)
        axes.set_xlabel("token")
        axes.set_yticks([])


@dataclass(frozen=True)
class Segments:
    """What is heard from when to when, in seconds, and the mean probability of each label."""

    segments: tuple[tuple[str, float, float], ...]
    means: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """The segments in the order of their beginnings, and the means."""
        parts = [{"label": name, "start": a, "end": b} for name, a, b in self.segments]
        return {"segments": parts, "means": self.means}

    def rows(self) -> list[list[tuple[str, str]]]:
        """A row for each; one that says so where nothing is heard."""
        return [
            [("heard", name), ("from", f"{start:.2f} s"), ("to", f"{end:.2f} s")]
            for name, start, end in self.segments or (("nothing", 0.0, 0.0),)
        ]

    def flat(self) -> dict[str, Any]:
        """All of them in one cell."""
        return {"segments": ";".join(f"{name} {a}-{b}" for name, a, b in self.segments)}

    def draw(self, axes: Any, /) -> None:
        """A line for each label, with a bar where it is heard."""
        names = list(self.means)
        for name, start, end in self.segments:
            axes.barh(names.index(name), end - start, left=start)
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("seconds")


def answers(asked: Asked, /) -> list[Tags] | list[Segments]:
    """Labels of texts, segments of sounds.

    Raises:
        UsageError: the positions are of neither.
    """
    source, output = asked.signature.input, asked.signature.output
    if source.kind == "text":
        there = (
            asked.x != source.padding_id if source.padding_id is not None else asked.x == asked.x
        )
        for number in [] if asked.tokenizer is None else asked.tokenizer.encode(""):
            there = there & (asked.x != number)  # what the tokenizer puts around a text
        said = asked.outputs.argmax(-1)
        return [
            Tags(tuple(asked.labels[index] for index in row[here].tolist()))
            for row, here in zip(said, there.cpu(), strict=True)
        ]
    if source.kind == "audio" and source.rate is not None:
        seconds = asked.x.shape[-1] / source.rate
        return [_segments(asked.labels, row, seconds) for row in asked.outputs]
    raise UsageError(
        f"{output.name!r} has a label at each step of {source.name!r}, "
        "which can be shown for sounds, texts and lines of text only"
    )


def _segments(labels: tuple[str, ...], logits: Float[Tensor, "t k"], seconds: float) -> Segments:
    probabilities = class_probabilities(logits)
    if logits.shape[1] == 1:
        probabilities = probabilities[:, 1:]
    segments = [
        (name, start, end)
        for name, column in zip(labels, probabilities.T.tolist(), strict=True)
        for start, end in spans(column, seconds / len(column))
    ]
    means = dict(zip(labels, probabilities.mean(0).tolist(), strict=True))
    return Segments(tuple(sorted(segments, key=lambda one: one[1])), means)


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
    for index, value in enumerate(chance):
        there = value >= ON or (there and value >= OFF)
        start, end = index * step, (index + 1) * step
        if there and found and start - found[-1][1] < GAP:
            found[-1][1] = end
        elif there:
            found.append([start, end])
    return [(round(start, 3), round(end, 3)) for start, end in found if end - start >= SHORTEST]
