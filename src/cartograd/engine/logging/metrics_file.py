"""The metrics file of a run, `metrics.jsonl`: a line for each epoch, and for points in between.

The same run writes the same bytes.
"""

from pathlib import Path
from typing import Any

from cartograd.engine.logging.run_folder import append, read_lines
from cartograd.engine.logging.view import View

NAME = "metrics.jsonl"


class MetricsFile:
    """The callback that writes it."""

    def on_report(self, view: View) -> None:
        """Add the new lines."""
        if view.folder is not None and view.lines:
            append(view.folder / NAME, *view.lines)


def lines_of(folder: Path, /) -> list[dict[str, Any]]:
    """The lines that a run folder has."""
    return read_lines(folder / NAME)
