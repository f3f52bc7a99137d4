"""An exported model: its file, and how far it differs from the model."""

from dataclasses import dataclass
from pathlib import Path

from cartograd.practice.deployment.parity import Check


@dataclass(frozen=True)
class Export:
    """What was written.

    Attributes:
        path: the file.
        size: its bytes.
        check: what came of running both on the same inputs; None if that was not asked for.
    """

    path: Path
    size: int
    check: Check | None = None
