"""The answers of a prediction, which a notebook shows as a table."""

from typing import Any

from cartograd.core.notebook import shown


class Answers(list[dict[str, Any]]):
    """Answers, one for each example; a notebook shows them as a table."""

    def _repr_html_(self) -> str:
        return shown("answers", self)
