"""`train --nproc N`: the same command line in several processes of this machine.

The processes find each other by a file, so no port has to be free. The first one shows how it
goes; what goes wrong in any of them is told in one line. Where one fails, the others get `GRACE`
seconds to end by themselves; they end, too, where the launcher does
(`cartograd.engine.distributed.parent`).
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from cartograd.apps.cli import output
from cartograd.apps.cli.following import line
from cartograd.core.at_work import scratch_folder
from cartograd.core.interrupt import SIGNALS
from cartograd.core.locks import FolderLock
from cartograd.core.system import SAVE, WINDOWS, apart

if TYPE_CHECKING:
    from cartograd.engine.logging.view import View

MISTAKES = "CARTOGRAD_MISTAKES"
"""The folder in which a process leaves its mistake for whoever started it."""
STOPPED = tuple(128 + number for number in SIGNALS)
"""Exit codes of who was asked to stop."""


def launch(words: Sequence[str], number: int, /) -> int:
    """Run `cartograd WORDS` in `number` processes; the exit code of the run."""
    with scratch_folder() as (folder, lock):
        programs: list[subprocess.Popen[bytes]] = []

        def forward(sent: int, _: FrameType | None) -> None:
            for program in programs:
                if program.poll() is None and WINDOWS:  # no signal of ours can be sent there
                    program.terminate()
                elif program.poll() is None:
                    program.send_signal(sent)

        numbers = [one for one in (signal.SIGINT, signal.SIGTERM, SAVE) if one is not None]
        before = {one: signal.signal(one, forward) for one in numbers}
        try:
            programs += (_start(words, rank, number, folder, lock) for rank in range(number))
            late = _wait(programs)
        finally:
            for program in programs:
                program.kill()
                program.wait()
            for one, handler in before.items():
                signal.signal(one, handler)
        return _told([program.returncode for program in programs], late, folder, words)


def _start(
    words: Sequence[str], rank: int, number: int, folder: Path, lock: FolderLock
) -> subprocess.Popen[bytes]:
    from cartograd.engine.distributed.parent import PARENT

    told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": number}
    told |= {"CARTOGRAD_STORE": folder / "store", MISTAKES: folder, PARENT: os.getpid()}
    threads = max(1, (os.cpu_count() or 1) // number)
    environment = {"OMP_NUM_THREADS": str(threads)} | os.environ
    separate = apart(lock.handle)  # the folder is in use until the last of them has ended
    return subprocess.Popen(
        [sys.executable, "-m", "cartograd", *words],
        env=environment | {key: str(value) for key, value in told.items()},
        stdout=None if rank == 0 else subprocess.DEVNULL,
        stderr=None if rank == 0 else (folder / f"errors-{rank}").open("wb"),
        start_new_session=separate.session,  # a Ctrl-C comes once, from us
        creationflags=separate.flags,
        pass_fds=separate.handles,
    )


def _wait(programs: Sequence[subprocess.Popen[bytes]]) -> set[int]:
    """Wait for all; those that were still there long after one had failed, and that we ended."""
    from cartograd.engine.distributed.parent import GRACE

    late, end = set[int](), None
    while any(program.poll() is None for program in programs):
        time.sleep(0.02)
        if end is None and any(program.poll() for program in programs):
            end = time.monotonic() + GRACE
        if end is not None and time.monotonic() > end:
            late |= {rank for rank, program in enumerate(programs) if program.poll() is None}
            for program in programs:
                program.kill()
    return late


def _told(codes: Sequence[int], late: set[int], folder: Path, words: Sequence[str]) -> int:
    """What went wrong first, in one line, and of a bug its traceback; the exit code.

    That a process has lost another follows from what became of that one, and is told only where
    nothing else is known.
    """
    mistakes = {}
    for rank in range(len(codes)):
        file = folder / f"mistake-{rank}"
        if file.exists():
            kind, _, text = file.read_text(encoding="utf-8").partition("\n")
            mistakes[rank] = (kind == "LostError", rank, text)
    killed = [rank for rank, code in enumerate(codes) if code < 0 and rank not in late]
    broken = [
        rank for rank, code in enumerate(codes)
        if code > 0 and code not in STOPPED and rank not in mistakes
    ]  # fmt: skip
    lost = not mistakes or min(mistakes.values())[0]
    if lost and (killed or broken):
        rank = (killed or broken)[0]
        if killed:
            how = f"was ended by {signal.Signals(-codes[rank]).name}"
        else:
            how = f"failed with exit code {codes[rank]}"
            _show(folder / f"errors-{rank}")
        line = f"process {rank + 1} of {len(codes)} {how}; {_way_on(folder, len(codes))}"
    elif mistakes:
        line = min(mistakes.values())[2]
    else:
        return next((code for code in codes if code), 0)
    output.mistake(ValueError(line), as_json="--json" in words)
    return 1 if lost and broken and not killed else 2


class RunNoted:
    """A callback that tells the launcher where the run is that its processes write.

    Args:
        folder: of the launcher, in which mistakes are told, too.
    """

    def __init__(self, folder: str, /) -> None:
        self.file = Path(folder) / "run"

    def on_start(self, view: "View", /) -> None:
        """Write the run folder's path."""
        self.file.write_text(str(view.folder), encoding="utf-8")


def _way_on(folder: Path, number: int) -> str:
    """How to go on: from the newest checkpoint, if the run has kept any."""
    file = folder / "run"
    run = Path(file.read_text(encoding="utf-8")) if file.exists() else None
    if run is None or not any((run / "checkpoints").glob("step-*")):
        return "no checkpoint was kept, so it has to begin anew"
    return f"go on with: {line('train', run, '--resume', '--nproc', number)}"


def _show(errors: Path) -> None:
    """What a process wrote to its standard error; the first one's has been seen already."""
    text = errors.read_text(encoding="utf-8", errors="replace") if errors.exists() else ""
    if text.strip():
        output.note(text.rstrip())
