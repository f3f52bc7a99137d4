"""Recurrent layers by the name of their cell."""

from cartograd.architectures.rnn import gru, lstm, vanilla
from cartograd.architectures.rnn.recurrence import Recurrence
from cartograd.core.errors import unknown

CELLS = {"rnn": vanilla.recurrence, "lstm": lstm.recurrence, "gru": gru.recurrence}


def recurrence(
    cell: str,
    features: int,
    dim: int,
    /,
    *,
    depth: int = 1,
    bidirectional: bool = False,
    dropout: float = 0.0,
) -> Recurrence:
    """Layers of a cell from `features` to `dim` numbers a step.

    Raises:
        UsageError: there is no such cell.
    """
    if cell not in CELLS:
        raise unknown("cell", cell, CELLS)
    return CELLS[cell](features, dim, depth=depth, bidirectional=bidirectional, dropout=dropout)
