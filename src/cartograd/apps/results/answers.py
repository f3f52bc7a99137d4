"""The answers of a prediction: as dictionaries, as a table, as rows of CSV."""

from collections.abc import Iterable, Sequence
from typing import Any

from cartograd.apps.answers.given import Answer
from cartograd.core.notebook import shown


class Answers(list[dict[str, Any]]):
    """Answers, one dictionary for each example; a notebook shows them as a table.

    Args:
        named: what each example was, and the answer itself.
        notes: what is answered though the model cannot
            know it, such as categories that it never saw.
        refused: which inputs have no answer and why, a line each.
    """

    def __init__(
        self,
        named: Iterable[tuple[str, Answer]],
        /,
        notes: Sequence[str] = (),
        refused: Sequence[str] = (),
    ):
        self.named = tuple(named)
        self.notes = tuple(notes)
        self.refused = tuple(refused)
        super().__init__({"source": name} | answer.to_json() for name, answer in self.named)

    def table(self) -> tuple[list[str], list[list[str]]]:
        """The columns, and the rows of all answers, each beside its source."""
        rows = [[("source", name), *row] for name, answer in self.named for row in answer.rows()]
        return [column for column, _ in rows[0]], [[cell for _, cell in row] for row in rows]

    def flat(self) -> list[dict[str, Any]]:
        """A row of CSV for each answer, or for each of its steps."""
        found = ((name, answer.flat()) for name, answer in self.named)
        return [
            {"source": name} | row
            for name, flat in found
            for row in (flat if isinstance(flat, list) else [flat])
        ]

    def _repr_html_(self) -> str:
        return shown("answers", self)
