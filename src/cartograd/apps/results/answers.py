"""The answers of a prediction, which a notebook shows as a table."""

from collections.abc import Iterable, Sequence
from typing import Any

from cartograd.core.notebook import shown


class Answers(list[dict[str, Any]]):
    """Answers, one for each example; a notebook shows them as a table.

    Args:
        rows: the answers.
        notes: what was answered though the model cannot know it, a line each, such as categories
            that it never saw.
    """

    def __init__(self, rows: Iterable[dict[str, Any]], notes: Sequence[str] = ()) -> None:
        super().__init__(rows)
        self.notes = tuple(notes)

    def _repr_html_(self) -> str:
        return shown("answers", self)
