"""Locks on folders and files. The system lifts them when their process ends, however it ends."""

import os
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from cartograd.core import system
from cartograd.core.errors import UsageError


class FolderLock:
    """Holds a folder against others who lock it, in this process too, until `close`.

    It is on the folder itself, so no file is left behind; where the system or the file system has
    no locks there is none.

    Attributes:
        handle: of the folder; a program that inherits it holds the lock, too, until it ends. It is
            -1 where folders cannot be opened.

    Raises:
        UsageError: another holds it.
    """

    held: ClassVar[set[int]] = set()

    def __init__(self, folder: Path, /) -> None:
        self.handle = -1
        if system.fcntl is None:
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
        except OSError:
            pass  # the file system has no locks

    def close(self) -> None:
        """Let go of the folder; a second time does nothing, though another may have its number."""
        handle, self.handle = self.handle, -1
        if handle in self.held:
            self.held.remove(handle)
            os.close(handle)

    def __del__(self) -> None:
        self.close()


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
