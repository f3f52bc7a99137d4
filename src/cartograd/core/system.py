"""What the systems differ in: locks, signals, pipes, and what files and folders may be called.

Windows has no `fcntl`, opens no folders, moves no open files, and sends few signals; there what
is asked for is done by the means that it has, or left out where it only guards against accidents.
"""

import errno
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from cartograd.core.errors import UsageError

fcntl: ModuleType | None = None
with suppress(ImportError):  # on Windows
    fcntl = import_module("fcntl")

WINDOWS = os.name == "nt"
"""Whether its rules hold for files and folders."""

FOLDED = WINDOWS or sys.platform == "darwin"
"""Whether two names that differ in capitals alone are usually those of one file."""

SAVE = signal.Signals.__members__.get("SIGUSR1")
"""The signal that asks a run to save and go on, where there is one."""

_QUOTA = [number for number, name in errno.errorcode.items() if name == "EDQUOT"]
CLOSED = {errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, *_QUOTA}
"""What the system says where nothing can be written, or not by this user."""

TRIES, PAUSE = 6, 0.05
"""How often a file is moved that another program looks at, and the seconds before the second time;
each further pause is twice as long."""

_BAD = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def named(word: str, /, *, windows: bool | None = None) -> str:
    """A word as the name of a file or folder; what the system does not take becomes a dash.

    Args:
        word: anything.
        windows: by whose rules; those of this system if left out.

    >>> named("3/1: a?", windows=False), named("3/1: a?", windows=True)
    ('3-1: a?', '3-1- a-')
    >>> named("nul", windows=True), named("etc. ", windows=True)
    ('nul-', 'etc-')
    """
    if not (WINDOWS if windows is None else windows):
        return word.replace("/", "-")
    word = _BAD.sub("-", word)
    if word != word.rstrip(". "):
        word = word.rstrip(". ") + "-"
    reserved = _RESERVED.match(word)
    return word if reserved is None else f"{reserved[1]}-{word[len(reserved[1]) :]}"


def twice(words: Iterable[str], /, *, folded: bool | None = None) -> tuple[str, str] | None:
    """Two words that would name one file or folder; None where there are none.

    Args:
        words: each is there once.
        folded: whether capitals make no difference; as on this system if left out.

    >>> twice(["a", "b", "A"], folded=True), twice(["a", "A"], folded=False), twice(["a/b", "a-b"])
    (('a', 'A'), None, ('a/b', 'a-b'))
    """
    seen: dict[str, str] = {}
    for word in words:
        name = named(word)
        name = name.casefold() if (FOLDED if folded is None else folded) else name
        if name in seen:
            return seen[name], word
        seen[name] = word
    return None


def unread(error: BaseException | None, /) -> bool:
    """Whether an error says that nobody reads our output any more (`| head`).

    Windows says only that an argument is invalid; of an error about a file it names the file.
    """
    if isinstance(error, BrokenPipeError):
        return True
    return (
        WINDOWS
        and isinstance(error, OSError)
        and error.errno == errno.EINVAL
        and error.filename is None
    )


def refuses(error: OSError, /) -> bool:
    """Whether an error says that nothing can be written, or not by this user."""
    return error.errno in CLOSED or "temporary directory" in str(error)


def refusal(error: OSError, /) -> UsageError:
    """The same as a line for the user, whose system it is."""
    what = error.filename or "files"
    return UsageError(
        f"the system does not let {what} be read or written: {error.strerror or error}"
    )


def unheard() -> None:
    """What is still said on standard output goes nowhere, as nobody reads it any more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def keep(path: Path, /) -> None:
    """Ask the disk to keep a file or a folder before we rely on it.

    Windows keeps the entries of folders by itself, and only those who may write a file may ask.
    """
    if WINDOWS and path.is_dir():
        return
    handle = os.open(path, os.O_RDWR if WINDOWS else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def move(old: Path, new: Path, /) -> None:
    """Let `old` take the place of `new`.

    On Windows a program that looks at either (a scanner, another process) is in the way for a
    moment: it is tried again.

    Raises:
        OSError: it cannot be done.
    """
    for pause in (PAUSE * 2**turn for turn in range(TRIES - 1)) if WINDOWS else ():
        try:
            old.replace(new)
        except PermissionError:
            time.sleep(pause)
        else:
            return
    old.replace(new)


def after_fork(done: Callable[[], None], /) -> None:
    """Have something done in each process that is forked of this one, where that can be."""
    register = vars(os).get("register_at_fork")
    if register is not None:
        register(after_in_child=done)


class Apart(NamedTuple):
    """What `Popen` is told: `start_new_session`, `creationflags` and `pass_fds`."""

    session: bool
    flags: int
    handles: tuple[int, ...]


def apart(*handles: int) -> Apart:
    """How a program is started that gets no Ctrl-C of ours, and these open files.

    Args:
        *handles: that it shall hold open; none on Windows, where a program inherits them all or
            none.
    """
    if "setsid" not in vars(os):
        return Apart(False, 0x200 if WINDOWS else 0, ())  # CREATE_NEW_PROCESS_GROUP
    return Apart(True, 0, handles)
