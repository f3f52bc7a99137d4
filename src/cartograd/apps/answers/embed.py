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
        similarity: the cosine to the first of several examples; of rows for tokens that of their
            means.
    """

    vector: tuple[Any, ...]
    similarity: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The vector, and its similarity if there is something to compare with."""
        near = {} if self.similarity is None else {"similarity": self.similarity}
        return {"vector": list(self.vector)} | near

    def rows(self) -> list[list[tuple[str, str]]]:
        """The similarity, which is more readable than the numbers, and how many these are."""
        near = "" if self.similarity is None else f"{self.similarity:.3f}"
        told = [("similarity to the first", near)]
        if self._each:
            told.append(("features", f"{len(self.vector)} tokens x {len(self.vector[0])}"))
        return [told]

    def flat(self) -> dict[str, Any] | list[dict[str, Any]]:
        """The similarity, then `value1` and so on; of tokens a row each."""
        if self._each:
            return [
                {"similarity": self.similarity, "token": place} | _numbered(row)
                for place, row in enumerate(self.vector, start=1)
            ]
        return {"similarity": self.similarity} | _numbered(self.vector)

    def draw(self, axes: Any, /) -> None:
        """The numbers in a line; of tokens those of their mean."""
        axes.plot(self.mean.tolist())

    @property
    def mean(self) -> Tensor:
        """The vector, or the mean of those of tokens."""
        found = torch.tensor(self.vector, dtype=torch.float64)
        return found.mean(0) if self._each else found

    @property
    def _each(self) -> bool:
        """Whether there is a row for each token."""
        return isinstance(next(iter(self.vector), None), list | tuple)


def _numbered(values: Iterable[Any]) -> dict[str, Any]:
    return {f"value{index}": value for index, value in enumerate(values, start=1)}


def answers(asked: Asked, /) -> list[Vector]:
    """The outputs as they are; of tokens those that are no padding."""
    port = asked.signature.input
    if asked.outputs.ndim == 3 and port.kind == "text" and port.padding_id is not None:
        there = (asked.x != port.padding_id).cpu()
        rows = zip(asked.outputs, there, strict=True)
        return [Vector(tuple(values[real].tolist())) for values, real in rows]
    return [Vector(tuple(values)) for values in asked.outputs.tolist()]


def compared(named: Iterable[tuple[str, Answer]], /) -> Iterator[tuple[str, Answer]]:
    """Embeddings with their cosine similarity to the first one."""
    first: Tensor | None = None
    for name, answer in named:
        if isinstance(answer, Vector):
            vector = answer.mean
            first = vector if first is None else first
            near = torch.cosine_similarity(first, vector, dim=0).item()
            yield name, replace(answer, similarity=near)
        else:
            yield name, answer
