"""A text read off steps."""

from dataclasses import dataclass
from typing import Any

import torch

from cartograd.apps.answers import units
from cartograd.apps.answers.asked import Asked
from cartograd.architectures.decoding.ctc import ctc_beam_search


@dataclass(frozen=True)
class Reading:
    """What the steps read as, and how likely that is.

    >>> Reading("42", 0.5).rows()
    [[('text', '42'), ('probability', '50.0 %')]]
    """

    text: str
    probability: float

    def to_json(self) -> dict[str, Any]:
        """The text and its probability."""
        return {"text": self.text, "probability": self.probability}

    def rows(self) -> list[list[tuple[str, str]]]:
        """One row."""
        return [[("text", self.text), ("probability", units.percent(self.probability))]]

    def flat(self) -> dict[str, Any]:
        """As in JSON."""
        return self.to_json()

    def draw(self, axes: Any, /) -> None:
        """The text, with its probability above it."""
        axes.text(0.5, 0.5, self.text, ha="center", va="center")
        axes.set_title(units.percent(self.probability))
        axes.set_axis_off()


def answers(asked: Asked, /) -> list[Reading]:
    """The likeliest text of each example, over all ways to align it with the steps."""
    found = []
    for row in asked.outputs:
        best = ctc_beam_search(row)[0]
        share = float(torch.tensor(best.score).exp())
        found.append(Reading("".join(asked.labels[label] for label in best.tokens), share))
    return found
