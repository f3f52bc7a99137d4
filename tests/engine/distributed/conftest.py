"""Two processes of one run, started once for many checks."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.programs import Program


def rank_of(rank: int, size: int, folder: str, checks: tuple[str, ...]) -> None:
    """What a process does, with the environment that torchrun would give."""
    os.environ.update(
        RANK=str(rank), WORLD_SIZE=str(size), CARTOGRAD_STORE=str(Path(folder) / "store")
    )
    from tests.engine.distributed import pair

    sys.argv = ["pair", folder, *checks]
    pair.main()


class Pair:
    """Two processes that run checks; they find each other by a file."""

    def __init__(self, folder: Path, *checks: str, size: int = 2) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.programs = [Program(rank_of, rank, size, str(folder), checks) for rank in range(size)]

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
