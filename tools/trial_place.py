"""An environment that holds what one wheel brings and nothing else, and the commands in it."""

import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAMS = ("cc", "gcc", "g++", "clang", "make", "git", "apt-get", "curl")
"""What an environment must not find."""


@dataclass
class Done:
    """A command that has ended: its words, output, and processor and wall seconds."""

    said: str
    out: str
    cpu: float
    wall: float


@dataclass
class Place:
    """An environment that holds what one wheel brings, and a folder to work in.

    Attributes:
        folder: of both.
        done: the commands that ran, in order.
    """

    folder: Path
    done: list[Done] = field(default_factory=list)

    @property
    def programs(self) -> Path:
        """Where its commands are; nothing else is on the path."""
        return self.folder / "env/bin"

    def made(self, what: str) -> dict[str, Any]:
        """Install something in it: seconds, and its size without bytecode and pip."""
        if not self.programs.exists():
            env = [sys.executable, "-m", "venv", "--without-pip", str(self.folder / "env")]
            subprocess.run(env, check=True)
        python = str(self.programs / "python")
        pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-compile"]
        cpu, wall = clock(lambda: subprocess.run([*pip, what], check=True, cwd=self.folder))
        there = list(self.library.iterdir())
        sizes = {one.name: size(one) for one in there}
        largest = sorted(sizes, key=lambda name: -sizes[name])[:6]
        return {
            "size": sum(sizes.values()),
            "largest": {name: sizes[name] for name in largest},
            "packages": sum(one.suffix == ".dist-info" for one in there),
            "cpu": cpu,
            "wall": wall,
        }

    @property
    def library(self) -> Path:
        """Where packages are."""
        (found,) = self.folder.glob("env/lib/python*/site-packages")
        return found

    def environment(self) -> dict[str, str]:
        """All that a command of it is told."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return {"HOME": str(home), "PATH": str(self.programs), "LANG": "C.UTF-8",
                "OMP_NUM_THREADS": "1"}  # fmt: skip

    def run(self, *words: str, shown: str = "") -> str:
        """Run one of its commands; what it printed.

        Raises:
            SystemExit: it failed.
        """
        found: list[subprocess.CompletedProcess[str]] = []
        command = [str(self.programs / words[0]), *words[1:]]
        cpu, wall = clock(lambda: found.append(subprocess.run(
            command, cwd=self.folder, env=self.environment(), capture_output=True, text=True,
        )))  # fmt: skip
        (ended,) = found
        line = shown or " ".join(word if word.isprintable() and " " not in word else f"'{word}'"
                                 for word in words)  # fmt: skip
        if ended.returncode:
            raise SystemExit(f"{line}: exit code {ended.returncode}\n{ended.stderr[-2000:]}")
        self.done.append(Done(line, ended.stdout, cpu, wall))
        print(f"  {line}: {cpu:.1f} s", flush=True)
        return ended.stdout

    def absent(self) -> list[str]:
        """The programs that it does not find.

        Raises:
            SystemExit: it finds one.
        """
        path = self.environment()["PATH"]
        there = [name for name in PROGRAMS if shutil.which(name, path=path)]
        if there:
            raise SystemExit(f"{', '.join(there)} on the path {path}")
        return list(PROGRAMS)


def size(path: Path) -> int:
    """Bytes of a file, or of the files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(one.stat().st_size for one in files if one.is_file())


def clock(work: Callable[[], Any]) -> tuple[float, float]:
    """Processor seconds of the programs that some work starts, and wall seconds."""

    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    cpu, wall = spent(), time.monotonic()
    work()
    return spent() - cpu, time.monotonic() - wall
