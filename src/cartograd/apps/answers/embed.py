"""A vector for each example."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from cartograd.apps.answers.asked import Answer, Asked


@dataclass(frozen=True)
class Vector:
    """An embedding: its cosine similarity to others is what counts.

    Attributes:
        vector: the numbers; of a text without pooling a row of them for each token.
        similarity: the cosine to the first of several examples.
    """

    vector: tuple[Any, ...]
    similarity: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The vector, and its similarity if there is something to compare with."""
        near = {} if self.similarity is None else {"similarity": self.similarity}
        return {"vector": list(self.vector)} | near

    def rows(self) -> list[list[tuple[str, str]]]:
        """The similarity, which is more readable than the numbers."""
        near = "" if self.similarity is None else f"{self.similarity:.3f}"
        return [[("similarity to the first", near)]]

    def flat(self) -> dict[str, Any]:
        """The similarity, then `value1` and so on."""
        numbers = {f"value{index}": value for index, value in enumerate(self.vector, start=1)}
        return {"similarity": self.similarity} | numbers

    def draw(self, axes: Any, /) -> None:
        """The numbers in a line."""
        axes.plot(self.vector)


def answers(asked: Asked, /) -> list[Vector]:
    """The outputs as they are."""
    return [Vector(tuple(values)) for values in asked.outputs.tolist()]


def compared(named: Iterable[tuple[str, Answer]], /) -> Iterator[tuple[str, Answer]]:
    """Embeddings with their cosine similarity to the first one."""
    first: Tensor | None = None
    for name, answer in named:
        if isinstance(answer, Vector):
            vector = torch.tensor(answer.vector, dtype=torch.float64)
            first = vector if first is None else first
            near = torch.cosine_similarity(first, vector, dim=0).item()
            yield name, replace(answer, similarity=near)
        else:
            yield name, answer
