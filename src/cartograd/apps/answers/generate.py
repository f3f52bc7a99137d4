"""Examples that a model makes."""

from dataclasses import dataclass
from typing import Any

from cartograd.apps.answers.asked import Asked
from cartograd.core.errors import UsageError


@dataclass(frozen=True)
class Example:
    """One generated example: nested rows of numbers, or a text."""

    content: Any

    def to_json(self) -> dict[str, Any]:
        """What was generated."""
        return {"example": self.content}

    def rows(self) -> list[list[tuple[str, str]]]:
        """A text, or the shape of the numbers."""
        said = self.content if isinstance(self.content, str) else f"shape {_shape(self.content)}"
        return [[("example", said)]]

    def flat(self) -> dict[str, Any]:
        """As in JSON."""
        return self.to_json()

    def draw(self, axes: Any, /) -> None:
        """A picture `c y x` or `y x`, a line of numbers, or the text."""
        dims = _shape(self.content)
        if isinstance(self.content, str):
            axes.text(0.5, 0.5, self.content, ha="center", va="center", wrap=True)
        elif len(dims) == 1:
            axes.plot(self.content)
        elif len(dims) == 2:
            axes.imshow(self.content, cmap="gray")
        elif len(dims) == 3 and dims[0] in (1, 3):
            channels = self.content if dims[0] == 3 else self.content * 3
            axes.imshow([list(zip(*rows, strict=True)) for rows in zip(*channels, strict=True)])
        else:
            raise UsageError(
                f"an example of shape {dims} cannot be drawn; expected a text, a line of numbers, "
                "or a picture of one or three channels"
            )


def _shape(content: Any) -> tuple[int, ...]:
    return (len(content), *_shape(content[0])) if isinstance(content, list) else ()


def answers(asked: Asked, /) -> list[Example]:
    """The outputs as they are."""
    return [Example(content) for content in asked.outputs.tolist()]
