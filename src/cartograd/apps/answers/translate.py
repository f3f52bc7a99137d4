"""A text for a text."""

from dataclasses import dataclass
from typing import Any


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
