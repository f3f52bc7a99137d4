"""The batches of a federation: one round an epoch, a row for each client."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from cartograd.data.dataset.dataset import Examples

Round = tuple[Int[Tensor, " n"], Int[Tensor, " n"], Int[Tensor, " n"]]
"""Numbers of clients; the number of the round; how many steps each may take, 0 for all."""


@dataclass(frozen=True)
class Rounds:
    """Rounds as batches, so that the engine's loop trains a federation as it does anything else.

    Every client has a row whether it takes part or not, so that clients stay in the process that
    has their examples.

    Attributes:
        examples: of all clients, which a run that goes on has to have again.
        clients: how many there are.
        members: who takes part in a round.
    """

    examples: Examples
    clients: int
    members: Callable[[int], Tensor]

    def __len__(self) -> int:
        return 1

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[Round]:  # noqa: ARG002
        """The one batch of an epoch, unless it was taken already."""
        if start == 0:
            yield self._round(number, torch.arange(self.clients), most=0)

    def trial(self) -> Round:
        """A round to rehearse with: a step of each client."""
        return self._round(0, torch.arange(self.clients), most=1)

    @staticmethod
    def _round(number: int, clients: Tensor, *, most: int) -> Round:
        return clients, torch.full_like(clients, number), torch.full_like(clients, most)
