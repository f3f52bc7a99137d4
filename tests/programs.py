"""Programs that tests start, signal and kill, each a process of its own, forked from a warm one.

A short program's time is nearly all spent on imports. The first program of a session starts a
server that has done them, without the shape-checking hook; from then on a program begins at once.
What is forked has its own working folder, output and exit code, and the signals of a fresh program.
Where starting up itself is what is tested (what is imported, what the environment says) a test
takes `subprocess`.
"""

import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

_WARM = multiprocessing.get_context("forkserver")
_WARM.set_forkserver_preload(
    ["pytest", "cartograd.apps.cli", "cartograd.apps.verbs.train", "torch._dynamo"]
)


class Program:
    """A function, or the words of a command line, in a process of its own; used as a `Popen` is."""

    def __init__(self, target: Callable[..., Any], *args: Any, cwd: Path | str = ".") -> None:
        self._folder = tempfile.mkdtemp()
        self._files = [Path(self._folder) / name for name in ("out", "err")]
        for file in self._files:
            file.touch()
        self._said: tuple[str, str] | None = None
        paths = [str(file) for file in self._files]
        self._process = _WARM.Process(target=_begin, args=(target, args, str(cwd), *paths))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def communicate(self, timeout: float = 600) -> tuple[str, str]:
        """Wait until it has ended; what it said on both streams."""
        self._process.join(timeout)
        assert self.returncode is not None, f"it has not ended within {timeout} seconds"
        if self._said is None:
            out, err = (file.read_text() for file in self._files)
            self._said = out, err
            shutil.rmtree(self._folder)
        return self._said

    def line(self) -> str:
        """The first line of its output, waited for."""
        end = time.monotonic() + 600
        while "\n" not in (text := self._files[0].read_text()):
            assert self.returncode is None, self.communicate()
            assert time.monotonic() < end
            time.sleep(0.02)
        return text.partition("\n")[0]

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class Warm:
    """A process that has prepared more than the server of programs; runs functions in forks of it.

    One at a time, each in a process of its own, which is as fresh as the one that it is forked
    from, and as warm.
    """

    def __init__(self, prepare: Callable[[], Any]) -> None:
        self._told, theirs = _WARM.Pipe()
        self._process = _WARM.Process(target=_fork, args=(theirs, prepare))
        self._process.start()
        theirs.close()

    def __call__(
        self, target: Callable[..., Any], *args: Any, cwd: Path | str = "."
    ) -> tuple[int, str, str]:
        """The exit code of a function, and what it said on both streams."""
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / name for name in ("out", "err")]
            for file in files:
                file.touch()
            self._told.send((target, args, str(cwd), *map(str, files)))
            code = self._told.recv()
            out, err = (file.read_text() for file in files)
        return code, out, err

    def close(self) -> None:
        """Let the process end."""
        self._told.send(None)
        self._process.join()


def _fork(asked: Connection, prepare: Callable[[], Any]) -> None:
    prepare()
    while (call := asked.recv()) is not None:
        pid = os.fork()
        if pid == 0:
            asked.close()
            _end(*call)
        asked.send(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _end(target: Callable[..., Any], args: tuple[Any, ...], cwd: str, *said: str) -> None:
    """Never returns: what the process that it was forked from would do next is not for this one."""
    code: Any = 1
    try:
        _begin(target, args, cwd, *said)
        code = 0
    except SystemExit as error:
        code = error.code
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


def cartograd(*words: str, cwd: Path | str = ".") -> Program:
    """Begin `cartograd WORDS`."""
    return Program(_command, words, cwd=cwd)


def _command(words: tuple[str, ...]) -> None:
    from cartograd.apps.cli import main

    sys.argv = ["cartograd", *words]
    sys.exit(main())


def _begin(target: Callable[..., Any], args: tuple[Any, ...], cwd: str, *said: str) -> None:
    for number, file in enumerate(said, start=1):
        opened = os.open(file, os.O_WRONLY | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(cwd)
    target(*args)
