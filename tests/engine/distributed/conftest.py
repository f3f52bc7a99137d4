"""Two processes of one run, started once for many checks."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


class Pair:
    """Two processes that run checks; they find each other by a file."""

    def __init__(self, folder: Path, *checks: str, size: int = 2) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        command = [sys.executable, "-m", "tests.engine.distributed.pair", str(folder), *checks]
        self.programs = [
            subprocess.Popen(
                command,
                env=os.environ
                | {
                    "RANK": str(rank), "WORLD_SIZE": str(size), "PYTHONPATH": paths,
                    "CARTOGRAD_STORE": str(folder / "store"), "OMP_NUM_THREADS": "1",
                },
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for rank in range(size)
        ]  # fmt: skip

    def codes(self, seconds: float = 600) -> list[int]:
        """Wait; the exit codes."""
        self.errors = [program.communicate(timeout=seconds)[1] for program in self.programs]
        return [program.returncode for program in self.programs]

    def end(self) -> None:
        for program in self.programs:
            program.kill()
            program.communicate()


@pytest.fixture(scope="session")
def pairs(tmp_path_factory) -> Callable[..., Pair]:
    """Starts pairs, and ends what is left of them."""
    started = []

    def start(*checks: str, folder: Path | None = None) -> Pair:
        pair = Pair(folder or tmp_path_factory.mktemp("pair"), *checks)
        started.append(pair)
        return pair

    yield start
    for pair in started:
        pair.end()
