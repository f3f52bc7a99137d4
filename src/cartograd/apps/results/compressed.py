"""A compressed model's bundle, and how far it differs from the model."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Compressed:
    """A bundle of a compressed model.

    Attributes:
        path: its folder.
        method: spec of the compressor.
        before, after: bytes of the weights.
        difference: the largest difference between the answers of both to the examples that the
            bundle keeps, as a share of the largest answer; None if it keeps none.
    """

    path: Path
    method: str
    before: int
    after: int
    difference: float | None
