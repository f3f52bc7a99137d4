"""Locks on folders and files. The system lifts them when their process ends, however it ends."""

import errno
import os
import socket
import warnings
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from cartograd.core import system
from cartograd.core.errors import UsageError

TURNS = 5
"""How often a file is tried to be made that others remove meanwhile."""


class FolderLock:
    """Holds a folder against others who lock it, in this process too, until `close`.

    It is on the folder itself, so no file is left behind. Where the system or the file system has
    no such locks there is none, unless a file beside it is asked for.

    Args:
        folder: to be held.
        marked: where there are no locks on folders, a file beside it says who writes, and goes with
            `close`; one that was left behind is told of and taken over.

    Attributes:
        handle: of the folder; a program that inherits it holds the lock, too, until it ends. It is
            -1 where folders cannot be opened.

    Raises:
        UsageError: another holds it.
        OSError: the folder cannot be opened, or nothing be written beside it.
    """

    held: ClassVar[set[int]] = set()

    def __init__(self, folder: Path, /, *, marked: bool = False) -> None:
        self.handle, self._mark = -1, None
        if system.fcntl is None:
            self._mark = _Mark(folder) if marked else None
            return
        self.handle = os.open(folder, os.O_RDONLY)
        self.held.add(self.handle)
        try:
            _lock(self.handle)
        except BlockingIOError as error:
            self.close()
            raise UsageError(
                f"another run is writing {folder}; wait until it ends, or choose another folder"
            ) from error
        except OSError:  # the file system has no locks
            if marked:
                self.close()
                self._mark = _Mark(folder)

    def close(self) -> None:
        """Let go of the folder; a second time does nothing, though another may have its number."""
        handle, self.handle = self.handle, -1
        mark, self._mark = self._mark, None
        if mark is not None:
            mark.close()
        if handle in self.held:
            self.held.remove(handle)
            os.close(handle)

    def __del__(self) -> None:
        self.close()


class _Mark:
    """A file beside a folder, which says who writes the folder; it is there once or not at all.

    Windows removes no file that a living process has open, so who can remove it knows that its
    writer has ended. Elsewhere the number of the process tells, on the machine that it is of.

    Args:
        folder: that is written.

    Raises:
        UsageError: another writes it.
        OSError: the file cannot be written.
    """

    def __init__(self, folder: Path, /) -> None:
        folder = folder.absolute()
        self.path = folder.with_name(f".{folder.name}.cartograd-lock")
        self.owner = os.getpid()
        for _ in range(TURNS):
            try:
                self.handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileExistsError:
                self._take_over(folder)
            else:
                os.write(self.handle, f"{self.owner} {socket.gethostname()}\n".encode())
                return
        raise OSError(errno.EBUSY, "other processes keep taking it", str(self.path))

    def _take_over(self, folder: Path) -> None:
        """Remove the file of a writer that has ended.

        Raises:
            UsageError: it has not, or that cannot be known.
        """
        try:
            number, _, host = self.path.read_text(encoding="utf-8").strip().partition(" ")
        except OSError:  # it was removed meanwhile, or may not be read
            number, host = "", ""
        here = host == socket.gethostname()
        who = f"process {number or '?'} on {host or 'an unknown machine'}"
        writing = UsageError(
            f"another run is writing {folder} ({who}); wait until it ends, or choose another "
            f"folder; if it has ended, remove {self.path}"
        )
        if not system.WINDOWS and not (here and number.isdigit() and _ended(int(number))):
            raise writing
        try:
            self.path.unlink(missing_ok=True)
        except PermissionError as error:
            raise writing from error
        if number:
            warnings.warn(f"{who} was writing {folder} and has ended; its lock is taken over",
                          stacklevel=2)  # fmt: skip

    def close(self) -> None:
        """Remove the file, unless this process is a copy of the one that made it."""
        os.close(self.handle)
        if os.getpid() == self.owner:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)


def _ended(number: int) -> bool:
    """Whether no process of this machine has a number; on Windows the question would end it."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _forget() -> None:
    """A forked process, like a DataLoader's worker, must not keep the folders of its parent."""
    while FolderLock.held:
        os.close(FolderLock.held.pop())


system.after_fork(_forget)


def _lock(handle: int) -> None:
    """Lock an open file, unless another has.

    Raises:
        OSError: another has, or there are no locks.
    """
    if system.fcntl is None:
        raise OSError("this system has no locks on open files")
    system.fcntl.flock(handle, system.fcntl.LOCK_EX | system.fcntl.LOCK_NB)


def hold(handle: int, /) -> None:
    """Lock an open file until it is closed, if the file system can."""
    with suppress(OSError):
        _lock(handle)


def abandoned(path: Path, /) -> bool:
    """Whether nobody holds a file or folder; false where that cannot be known."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        _lock(handle)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
