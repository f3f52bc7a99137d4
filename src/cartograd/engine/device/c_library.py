"""A file of C as a library: compiled once on this machine, kept in the user's cache, and loaded.

Where a compiler is there (`$CC`, else `cc`, `gcc` or `clang`), it translates the file for this very
processor. The library's name is a digest of the source, of the flags, and of what the compiler and
the processor say of themselves, so that another of any of them is another library. It appears whole
or not at all, in a folder that nobody else may write to; a line says so. Where anything fails there
is no library, and whoever asked computes as without one. `CARTOGRAD_COMPILER=off` asks for that.

Threads are those of torch's own OpenMP: it is not linked, but found among what torch has loaded.
"""

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cartograd.core.cache import cache_folder
from cartograd.core.language import said

SWITCH = "CARTOGRAD_COMPILER"
"""The environment variable that, set to `off`, leaves compilers alone."""

USUAL = "cc", "gcc", "clang"
"""Compilers that are looked for where `$CC` names none."""

FLAGS = (
    "-O3", "-std=gnu11", "-fPIC", "-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros",
    "-fassociative-math", "-fno-strict-aliasing", "-w",
)  # fmt: skip
"""Sums may be added up in any order; what is no number stays none."""

TRIED = ("-march=native", "-fopenmp"), ("-mcpu=native",), ()
"""Further flags, the best first: not every compiler and processor has all of them."""

SECONDS = 60
"""How long a compiler may take."""


@dataclass(frozen=True)
class Found:
    """What became of a file.

    Attributes:
        library: loaded, or None.
        told: which compiler made it, or why there is none.
    """

    library: ctypes.CDLL | None
    told: str


@cache
def c_library(source: Path, /) -> Found:
    """The library of a file of C, made where it is not there yet.

    Args:
        source: the file; it includes headers of the C library and of the processor alone.
    """
    if os.environ.get(SWITCH, "").lower() in ("off", "0", "no"):
        return Found(None, f"{SWITCH}=off")
    if sys.platform == "win32":
        return Found(None, "products are compiled on Linux and macOS only")
    command = _compiler()
    if not command:
        return Found(None, f"no C compiler ({', '.join(USUAL)}) is on the path")
    try:
        version = _said([*command, "--version"]).partition("\n")[0].strip()
        folder, text = _folder(), source.read_bytes()
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return Found(None, _line(error))
    why = "nothing was tried"
    for flags in TRIED:
        seed = repr((command, version, FLAGS, flags, _processor())).encode() + text
        path = folder / f"{source.stem}-{hashlib.blake2b(seed, digest_size=16).hexdigest()}.so"
        try:
            if not path.exists():
                _make(command, flags, source, path, version)
            return Found(ctypes.CDLL(str(path)), f"compiled by {version}")
        except (OSError, subprocess.SubprocessError) as error:
            why = _line(error)
    return Found(None, f"{command[0]} made no library: {why}")


def _compiler() -> list[str]:
    given = shlex.split(os.environ.get("CC", ""))
    for command in [given] if given else [[name] for name in USUAL]:
        found = shutil.which(command[0])
        if found is not None:
            return [found, *command[1:]]
    return []


def _folder() -> Path:
    """Where libraries are kept, which is ours alone: what lies there is run."""
    folder = cache_folder() / "compiled"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = folder.stat()
    if state.st_uid != os.getuid() or state.st_mode & 0o022:
        raise PermissionError(f"{folder} can be written to by others; chmod 700 it")
    return folder


def _make(
    command: list[str], flags: tuple[str, ...], source: Path, path: Path, version: str
) -> None:
    """Compile and link, which are two steps: OpenMP is not to be linked."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        part, whole = Path(name) / "part.o", Path(name) / "whole.so"
        _said([*command, *FLAGS, *flags, "-c", str(source), "-o", str(part)])
        free = ("-undefined", "dynamic_lookup") if sys.platform == "darwin" else ()
        _said([*command, "-shared", *free, str(part), "-o", str(whole), "-lm"])
        ctypes.CDLL(str(whole))  # what cannot be loaded is not kept
        whole.replace(path)
    seconds = time.perf_counter() - start
    told = said(
        f"{source.name} compiled for this processor in {seconds:.1f} s by {version}, kept in "
        f"{path.parent} ({SWITCH}=off leaves it)"
    )
    sys.stderr.write(f"{told}\n")


def _said(command: list[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=SECONDS,
        stdin=subprocess.DEVNULL, env=os.environ | {"LC_ALL": "C"},
    )  # fmt: skip
    if done.returncode:
        raise OSError(done.stderr.strip() or f"{command[0]} ended with {done.returncode}")
    return done.stdout


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


@cache
def _processor() -> str:
    """What this processor is and can do."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    wanted = ("model name", "flags", "Features", "CPU part")
    own = sorted({line for line in lines if line.startswith(wanted)})
    return "\n".join([platform.system(), platform.machine(), platform.processor(), *own])
