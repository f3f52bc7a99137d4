"""A model that is only asked: what an attacker from outside sees, every question counted.

No gradient is recorded, so none can be used; an attack by labels asks for nothing but whether the
answer is wrong.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from cartograd.frontier.inputs import check_classes, rows_at_once
from cartograd.frontier.security.gain import logits, margin


class Searched(NamedTuple):
    """What an attack by questions has found."""

    point: Tensor
    queries: Int[Tensor, " b"]
    """How often the model was asked about each example."""


class Asked:
    """A model, and how often it was asked about each example."""

    def __init__(self, model: nn.Module, y: Int[Tensor, " b"], /):
        self._model, self._y = model, y
        self.queries = torch.zeros(len(y), dtype=torch.long, device=y.device)

    def ahead(
        self, point: Shaped[Tensor, "n ..."], rows: Int[Tensor, " n"], /
    ) -> Float[Tensor, " n"]:
        """By how many logits the best wrong class is ahead."""
        return margin(self._answers(point, rows), self._y[rows])

    def wrong(
        self, point: Shaped[Tensor, "n ..."], rows: Int[Tensor, " n"], /
    ) -> Bool[Tensor, " n"]:
        """Whether the answers are wrong, by their labels alone."""
        return self._answers(point, rows).argmax(1) != self._y[rows]

    @torch.no_grad()
    def _answers(self, point: Tensor, rows: Tensor) -> Tensor:
        self.queries.index_add_(0, rows, torch.ones_like(rows))
        parts = [logits(self._model, part) for part in point.detach().split(rows_at_once(point))]
        answers = torch.cat(parts)
        check_classes(self._y[rows], answers)
        return answers
