"""The run folder of processes that do not lead: it writes nothing."""

from pathlib import Path
from typing import Any


class NullRunFolder:
    """A run folder whose methods do nothing, as the lead writes the real one.

    Args:
        path: where the lead writes.
    """

    def __init__(self, path: Path, /) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"

    def event(self, kind: str, /, **details: Any) -> None:
        """The lead writes it."""

    def metrics_size(self) -> int:
        """The lead knows it."""
        return 0

    def sync_metrics(self) -> None:
        """The lead does it."""

    def close(self) -> None:
        """The lead does it."""

    def cut_metrics(self, size: int, /) -> None:
        """The lead does it."""
