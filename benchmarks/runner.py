"""Let the sides of a case take turns, watch the machine, and keep what may be published."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.case import FLOAT32, FOLDER, Case, Command
from benchmarks.pairs import Ratio, difference, quiet, ratio, spread
from benchmarks.probe import reading

QUIETENED = {
    "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_OFFLINE": "1",
    "KERAS_BACKEND": "torch",
    "MPLBACKEND": "Agg",
    "TOKENIZERS_PARALLELISM": "false",
}
WATCHED = ("gemm",)
"""The readings of the probe that decide whether a round was quiet.

Reading a block from the cache says nothing of noise: on an idle machine its speed changes by a
third from process to process, with where the block's pages happen to lie.
"""

Measured = dict[str, Any]
"""Of one side in one round: `cpu` and `wall` per unit in seconds, `rss` in MB, `answer`."""


class BrokenError(Exception):
    """A side failed; the message holds the end of what it said."""


@dataclass
class Result:
    """What one case gave.

    Attributes:
        case: what was compared.
        rounds: the quiet rounds, each from a side's name to what was measured.
        thrown: how many rounds were thrown away because the machine was not quiet.
        readings: the probe's, those around quiet rounds only.
        unequal: for a rival whose answer differs from ours, by how much.
        broken: for a side that failed, why.
    """

    case: Case
    rounds: list[dict[str, Measured]] = field(default_factory=list)
    thrown: int = 0
    readings: list[dict[str, float]] = field(default_factory=list)
    unequal: dict[str, float] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    def sides(self) -> list[str]:
        """The sides that have numbers: equal to ours, and not failed."""
        return [name for name in self.case.sides if name not in self.unequal | self.broken]

    def median(self, side: str, quantity: str, /) -> float:
        """The median over rounds of a side's `cpu`, `wall` or `rss`."""
        return statistics.median(one[side][quantity] for one in self.rounds)

    def ratio(self, rival: str, quantity: str = "cpu", /) -> Ratio:
        """How many times ours the rival takes."""
        ours = [one[self.case.ours][quantity] for one in self.rounds]
        return ratio(ours, [one[rival][quantity] for one in self.rounds])

    def share(self, side: str, /) -> float | None:
        """The share of the peak of its number format that a side reached, where it is counted.

        The peak is the best of the probe's readings; the time is the processor's, as sides
        run on one thread.
        """
        if self.case.flops is None:
            return None
        peak = self._peak(self.computed_in(side)) * 1e9
        return self.case.flops() / self.median(side, "cpu") / peak

    def computed_in(self, side: str, /) -> str:
        """The probe's reading of the number format that a side computed in.

        Only ours leaves float32, and only on a processor that computes in the other format.
        """
        narrow = side == self.case.ours and self._peak(self.case.peak) > self._peak(FLOAT32)
        return self.case.peak if narrow else FLOAT32

    def _peak(self, format_: str) -> float:
        return max(one[format_] for one in self.readings)

    def behind(self, side: str, /) -> float | None:
        """How many times what the bandwidth of memory allows a side takes, where that is known.

        The bandwidth is the best of the probe's readings, with one thread.
        """
        if side not in self.case.moved:
            return None
        bandwidth = max(one["memory"] for one in self.readings) * 1e9
        return self.median(side, "cpu") / (self.case.moved[side] / bandwidth)

    def spread(self) -> dict[str, float]:
        """How far the probe's readings around the kept rounds are apart."""
        return {name: spread([one[name] for one in self.readings]) for name in WATCHED}

    def missed(self) -> list[str]:
        """Promises that were not kept, in words."""
        lines = [f"{name}: its answer differs by {by:.1e}" for name, by in self.unequal.items()]
        lines += [f"{name}: {why}" for name, why in self.broken.items()]
        for rival, least in self.case.asked.items():
            if rival in self.sides() and self.ratio(rival).median < least:
                lines.append(f"{rival}: ratio {self.ratio(rival).median:.2f}, asked {least:.2f}")
        return lines


def compare(
    file: str,
    case: Case,
    /,
    *,
    rounds: int,
    threads: int = 1,
    noisy: bool = False,
    say: Callable[[str], object] = print,
) -> Result:
    """Run a case until `rounds` rounds were quiet, or three times as many were tried.

    With `noisy` every round counts: for trying a case out, never for publishing.
    """
    chosen = list if noisy else _quiet
    result, tried = Result(case), []
    with tempfile.TemporaryDirectory() as folder:
        if case.prepare is not None:
            argv = [sys.executable, "-m", "benchmarks.child", file, case.name, folder]
            _process(argv, threads, case.seconds, Path(folder))
        before = reading()
        while len(tried) < 3 * rounds and len(chosen(tried)) < rounds:
            one = _round(file, result, len(tried) % 2 == 1, threads, Path(folder))
            after = reading()
            tried.append((one, (before, after)))
            before = after
            say(f"{case.name}: {len(chosen(tried))} of {rounds} rounds")
    kept = chosen(tried)
    result.rounds = [one for one, _ in kept]
    result.thrown = len(tried) - len(kept)
    result.readings = [one for _, around in kept for one in around]
    _check_answers(result)
    return result


def _round(
    file: str, result: Result, backwards: bool, threads: int, folder: Path
) -> dict[str, Measured]:
    """Every side once; one that fails is left out from then on.

    Raises:
        BrokenError: our own side failed.
    """
    one = {}
    order = [name for name in result.case.sides if name not in result.broken]
    for name in reversed(order) if backwards else order:
        try:
            one[name] = side(file, result.case, name, threads, folder)
        except BrokenError as error:
            if name == result.case.ours:
                raise
            result.broken[name] = str(error)
    return one


def _quiet(tried: list[Any]) -> list[Any]:
    """The rounds around which every probe was near the median of all."""
    if not tried:
        return []
    typical = {
        name: statistics.median(one[name] for _, around in tried for one in around)
        for name in WATCHED
    }
    return [
        (one, around)
        for one, around in tried
        if all(quiet([r[name] for r in around], typical[name]) for name in WATCHED)
    ]


def _check_answers(result: Result) -> None:
    """Compare every side's answer, in every round, with our first one."""
    if not result.rounds:
        return
    ours = result.rounds[0][result.case.ours]["answer"]
    for name in result.case.sides:
        if name in result.broken:
            continue
        worst = max(difference(ours, one[name]["answer"]) for one in result.rounds)
        if worst > result.case.tolerance:
            result.unequal[name] = worst


def side(file: str, case: Case, name: str, threads: int, files: Path, /) -> Measured:
    """Run one side in a fresh process.

    Raises:
        BrokenError: it failed or took too long.
    """
    one = case.sides[name]
    with tempfile.TemporaryDirectory() as folder:
        left = Path(folder) / "result.json"
        if isinstance(one, Command):
            argv = [sys.executable if part == "python" else part for part in one.argv]
        else:
            argv = [sys.executable, "-m", "benchmarks.child", file, case.name, name, str(left)]
        usage, wall, printed = _process(argv, threads, case.seconds, files)
        if isinstance(one, Command):
            inner = {"cpu": usage.ru_utime + usage.ru_stime, "wall": wall}
            inner["answer"] = one.answer(printed)
        else:
            inner = json.loads(left.read_text())
    return inner | {"rss": usage.ru_maxrss / 1024}


def _process(argv: list[str], threads: int, seconds: float, files: Path) -> tuple[Any, float, str]:
    """Resource usage, wall seconds and standard output of a process that succeeded."""
    variables = os.environ | QUIETENED | {FOLDER: str(files)}
    variables |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    said, erred = files / ".stdout", files / ".stderr"
    with said.open("wb") as out, erred.open("wb") as err:
        start = time.perf_counter()
        process = subprocess.Popen(argv, stdout=out, stderr=err, env=variables)
        limit = threading.Timer(seconds, process.kill)
        limit.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        limit.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        end = erred.read_text(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise BrokenError(f"{argv[-2:]} ended with {process.returncode}: {end[0][:300]}")
    return usage, wall, said.read_text(errors="replace")
