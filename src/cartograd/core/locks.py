"""Locks on folders and files. The system lifts them when their process ends, however it ends."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from cartograd.core.errors import UsageError


class FolderLock:
    """Holds a folder against others who lock it, in this process too, until `close`.

    It is on the folder itself, so no file is left behind; where the file system has no locks there
    is none.

    Attributes:
        handle: of the folder; a program that inherits it holds the lock, too, until it ends.

    Raises:
        UsageError: another holds it.
    """

    held: ClassVar[set[int]] = set()

    def __init__(self, folder: Path, /) -> None:
        self.handle = os.open(folder, os.O_RDONLY)
        self.held.add(self.handle)
        try:
            fcntl.flock(self.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
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


os.register_at_fork(after_in_child=_forget)


def hold(handle: int, /) -> None:
    """Lock an open file until it is closed, if the file system can."""
    with suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def abandoned(path: Path, /) -> bool:
    """Whether nobody holds a file or folder; false where that cannot be known."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
