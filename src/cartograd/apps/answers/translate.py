"""A text for a text."""

from dataclasses import dataclass
from typing import Any

from cartograd.apps.answers.asked import Asked
from cartograd.apps.answers.writer import answered
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed

LENGTH = 128
"""The most tokens of a translation, as of `generate`."""


@dataclass(frozen=True)
class Translation:
    """What a source means in the other language.

    >>> Translation("hello").to_json()
    {'text': 'hello'}
    """

    text: str

    def to_json(self) -> dict[str, Any]:
        """The text."""
        return {"text": self.text}

    def rows(self) -> list[list[tuple[str, str]]]:
        """One row."""
        return [[("text", self.text)]]

    def flat(self) -> dict[str, Any]:
        """As in JSON."""
        return self.to_json()

    def draw(self, axes: Any, /) -> None:
        """The text."""
        axes.text(0.5, 0.5, self.text, ha="center", va="center", wrap=True)
        axes.set_axis_off()


def answers(asked: Asked, /) -> list[Translation]:
    """The likeliest translation of each source, written token by token.

    Raises:
        UsageError: the model cannot write, or came without a tokenizer.
    """
    if not isinstance(asked.model, Signed):
        raise UsageError(f"{asked.name} has no tokenizer; sign it with one: cartograd.sign(...)")
    source = asked.x if asked.device is None else asked.x.to(asked.device)
    return [Translation(text) for text in answered(asked.model, source, LENGTH, asked.name)]
