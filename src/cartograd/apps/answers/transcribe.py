"""The text of a recording of speech."""

from dataclasses import dataclass
from typing import Any

from cartograd.apps.answers import units
from cartograd.apps.answers.asked import Asked
from cartograd.architectures.decoding.transcribe import transcribe
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Transcriber
from cartograd.core.signed import Signed


@dataclass(frozen=True)
class Transcript:
    """The text of a sound, its language, and how likely it is that nobody speaks.

    >>> Transcript("bonjour", "fr", 0.02).rows()
    [[('language', 'fr'), ('no speech', '2.0 %'), ('text', 'bonjour')]]
    """

    text: str
    language: str
    no_speech: float

    def to_json(self) -> dict[str, Any]:
        """The text, its language and the probability that nobody speaks."""
        return {"text": self.text, "language": self.language, "no_speech": self.no_speech}

    def rows(self) -> list[list[tuple[str, str]]]:
        """One row."""
        silent = units.percent(self.no_speech)
        return [[("language", self.language), ("no speech", silent), ("text", self.text)]]

    def flat(self) -> dict[str, Any]:
        """As in JSON."""
        return self.to_json()

    def draw(self, axes: Any, /) -> None:
        """The text, with its language above it."""
        axes.text(0.5, 0.5, self.text, ha="center", va="center", wrap=True)
        axes.set_title(self.language)
        axes.set_axis_off()


def answers(asked: Asked, /) -> list[Transcript]:
    """The model transcribes a sound, token by token.

    Raises:
        UsageError: the model cannot write by itself.
    """
    model = asked.model.model if isinstance(asked.model, Signed) else asked.model
    if not isinstance(model, Transcriber):
        raise UsageError(f"{asked.name} takes a sound and a text, but cannot write by itself")
    sounds = asked.x if asked.device is None else asked.x.to(asked.device)
    return [
        Transcript(*transcribe(model, row[0], asked.tokenizer, language=asked.language))
        for row in sounds
    ]
