"""Run documented commands in fresh processes, and what a row has to say at the end."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blake3 import blake3

from acceptance.curves import Curves
from cartograd.core.files import write_file

SEEDS = (0, 1, 2)


class FailedError(Exception):
    """A command did not succeed; the message holds what it said."""


@dataclass(frozen=True)
class Ran:
    """A command that succeeded: its JSON object, run folder, and seconds."""

    said: dict[str, Any]
    folder: Path
    cpu: float
    wall: float

    def metric(self, name: str, /) -> float:
        """A test metric of a training run."""
        return self.said["test"][name]["value"]

    def epochs(self) -> list[dict[str, Any]]:
        """The records that the run wrote at the end of its epochs."""
        lines = (self.folder / "metrics.jsonl").read_text().splitlines()
        return [one for one in map(json.loads, lines) if one.get("at") == "epoch"]


@dataclass
class Outcome:
    """What a row found.

    Attributes:
        claim: what is promised.
        command: as a user types it; `SEED` stands for the seed.
        measured: one number per seed, in `unit`.
        asked: the threshold in words.
        passed: whether every seed reached it.
        beside: baselines and what else is needed to judge, in words, by name.
        cpu, wall: seconds of each training run, all threads together.
        notes: whatever a reader should know.
        front: what several networks reach and cost, by name; drawn beside the row.
        curves: what is measured over a size, with intervals; drawn beside the row.
    """

    claim: str
    command: str
    measured: list[float]
    asked: str
    passed: bool
    unit: str = "%"
    beside: dict[str, str] = field(default_factory=dict)
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    front: dict[str, dict[str, float]] = field(default_factory=dict)
    curves: Curves | None = None


class Session:
    """Runs commands, each in its own process, and keeps their run folders until the end.

    A training run that `work` holds from before is not repeated, so a row that was stopped goes on.

    Args:
        work: a folder for runs.
        seeds: which seeds a row is run for.
    """

    def __init__(self, work: Path, /, *, seeds: tuple[int, ...] = SEEDS) -> None:
        self.work = work
        self.seeds = seeds

    def train(self, command: str, seed: int, /) -> Ran:
        """Run `cartograd train ...`, `SEED` replaced; the folder and `--json` are added."""
        command = seeded(command, seed)
        place = self.work / blake3(command.encode()).hexdigest()[:12]
        folder, kept = place / "run", place / "said.json"
        if not kept.exists():
            shutil.rmtree(place, ignore_errors=True)
            said, cpu, wall = self.run(f"{command} --folder {folder} --json")
            write_file(kept, json.dumps([said, cpu, wall]))
        said, cpu, wall = json.loads(kept.read_text())
        return Ran(said, folder, cpu, wall)

    def evaluate(self, ran: Ran, options: str, /) -> dict[str, float]:
        """Metrics of a run, by `cartograd evaluate`."""
        said, _, _ = self.run(f"cartograd evaluate {ran.folder} {options} --json")
        return {name: found["value"] for name, found in said["metrics"].items()}

    def run(self, command: str, /) -> tuple[dict[str, Any], float, float]:
        """The JSON object that a command prints, its CPU seconds and its wall seconds.

        Raises:
            FailedError: it ended with another code than 0.
        """
        lines, cpu, wall = self.answers(command)
        return lines[0], cpu, wall

    def answers(self, command: str, /) -> tuple[list[dict[str, Any]], float, float]:
        """The JSON objects that a command prints, one a line, its CPU seconds and wall seconds.

        Raises:
            FailedError: it ended with another code than 0.
        """
        words = shlex.split(command)
        assert words[0] == "cartograd"
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            start = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", *words], stdout=out, stderr=err, cwd=self.work
            )
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0), err.seek(0)
            if process.returncode:
                end = err.read().decode(errors="replace").strip().splitlines()[-3:]
                raise FailedError(f"{command} ended with {process.returncode}: {' / '.join(end)}")
            lines = [json.loads(line) for line in out.read().splitlines() if line.strip()]
            return lines, usage.ru_utime + usage.ru_stime, wall


def seeded(command: str, seed: int, /) -> str:
    """The command with a seed in the place of `SEED`."""
    return command.replace("SEED", str(seed))


def percent(share: float, /) -> float:
    """A share as percent, to a hundredth."""
    return round(100 * share, 2)


def workplace(root: Path, name: str, /) -> Path:
    """A row's folder under `build`, as long as the library's source is the same."""
    source = blake3()
    for file in sorted((root / "src").rglob("*.py")):
        source.update(file.read_bytes())
    rows = root / "build" / "acceptance"
    work = rows / f"{name}-{source.hexdigest()[:12]}"
    for other in rows.glob(f"{name}-????????????"):
        if other != work:
            shutil.rmtree(other)
    work.mkdir(parents=True, exist_ok=True)
    return work
