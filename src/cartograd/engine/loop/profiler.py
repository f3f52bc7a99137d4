"""A few steps of a run under torch's profiler, as a file that a browser shows."""

from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

WARM = 3
"""Steps that are not traced: the first ones load libraries and allocate memory."""


class Profiler:
    """Traces some steps, then writes `trace.json` (for `chrome://tracing` or ui.perfetto.dev).

    Args:
        steps: how many.
        path: the file to write.
        device: where the work is done.
    """

    def __init__(self, steps: int, path: Path, device: torch.device) -> None:
        self.left, self.path = steps, path
        self.wait = WARM
        kinds = [ProfilerActivity.CPU]
        if device.type == "cuda":
            kinds.append(ProfilerActivity.CUDA)
        self.profiler = profile(activities=kinds)
        self.running = False

    def step(self) -> None:
        """Begin a step."""
        if self.running:
            self.left -= 1
            if self.left == 0:
                self.close()
        elif self.left:
            self.wait -= 1
            if self.wait <= 0:
                self.profiler.start()
                self.running = True

    def close(self) -> None:
        """Write what was traced, also if the run was shorter than asked for."""
        if self.running:
            self.running = False
            self.left = 0
            self.profiler.stop()
            self.profiler.export_chrome_trace(str(self.path))
