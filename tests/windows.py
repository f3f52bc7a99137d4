"""A command line under the rules of Windows, as far as another system can keep them.

    python -m tests.windows 'train mlp --data digits' 'runs list'

No `fcntl`, no `fork`, no user numbers, few signals; a folder cannot be opened, a file that is open
not moved (nor, of ours, removed), and only who may write a file may ask the disk to keep it; names
that Windows does not take are refused; text files need their encoding named. The commands run one
after the other in this process, and the exit code is that of the first that fails.
"""

import errno
import fcntl as posix_locks
import os
import re
import shlex
import shutil
import signal
import sys
import warnings
from contextlib import suppress
from pathlib import Path

import torch

LACKING = {
    os: ("fork", "forkpty", "getuid", "geteuid", "getgid", "killpg", "setsid", "pwrite", "pread",
         "sched_getaffinity", "posix_fadvise", "O_DIRECT", "O_DIRECTORY", "register_at_fork",
         "sysconf", "sysconf_names", "mkfifo"),
    signal: ("SIGUSR1", "SIGUSR2", "SIGKILL", "SIGHUP", "SIGALRM", "SIGPIPE", "setitimer"),
}  # fmt: skip
"""What modules have elsewhere."""

TAKEN = re.compile(r'[<>:"|?*]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)', re.IGNORECASE)
"""Names that no file can have."""


def keep_rules() -> None:
    """From now on the rules hold in this process."""
    assert torch.__version__  # what Cartograd is built on is loaded before, by this system's rules
    for module, names in LACKING.items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    for name in ("fcntl", "resource", "pwd", "grp", "termios"):
        sys.modules[name] = None  # type: ignore[assignment]
    shutil._use_fd_functions = False  # folders are removed by name there
    os.open = _opened(os.open)
    os.fsync = _kept(os.fsync)
    os.replace = os.rename = _moved(os.replace)
    os.mkdir = _made(os.mkdir)
    os.unlink = os.remove = _removed(os.unlink)
    Path.replace = lambda old, new: (os.replace(old, new), Path(new))[1]  # type: ignore[method-assign]
    from cartograd.core import system

    system.WINDOWS = True


def _opened(plain):
    def open_(path, flags, *rest, **named):
        if isinstance(path, str | os.PathLike) and os.path.isdir(path):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return plain(path, flags, *rest, **named)

    return open_


def _kept(plain):
    def fsync(handle):
        if posix_locks.fcntl(handle, posix_locks.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        plain(handle)

    return fsync


def _moved(plain):
    def replace(old, new, **named):
        ours = {os.path.realpath(one) for one in (old, new)}
        for link in Path("/proc/self/fd").iterdir():
            try:
                path = os.readlink(link)
            except OSError:
                continue
            if any(path == one or path.startswith(f"{one}/") for one in ours):
                raise PermissionError(errno.EACCES, f"{path} is open", str(old))
        _check(new)
        plain(old, new, **named)

    return replace


def _removed(plain):
    """What we write beside its place is not removed while any process has it open."""

    def unlink(path, **named):
        if "cartograd-" in os.path.basename(os.fspath(path)):
            there = os.path.realpath(path)
            for link in Path("/proc").glob("[0-9]*/fd/*"):
                name = ""
                with suppress(OSError):
                    name = os.readlink(link)
                if name == there:
                    raise PermissionError(errno.EACCES, f"{path} is open", str(path))
        plain(path, **named)

    return unlink


def _made(plain):
    def mkdir(path, *rest, **named):
        _check(path)
        plain(path, *rest, **named)

    return mkdir


def _check(path):
    name = os.path.basename(os.fspath(path))
    if TAKEN.search(name):
        raise OSError(errno.EINVAL, f"{name!r} is no name for a file", str(path))


def main(lines):
    """Run command lines; the exit code of the first that fails, or 0."""
    keep_rules()
    from cartograd.apps.cli import main as command

    warnings.filterwarnings("ignore", category=EncodingWarning)
    warnings.filterwarnings("error", category=EncodingWarning, module="cartograd")
    for line in lines:
        if code := command(shlex.split(line)):
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
