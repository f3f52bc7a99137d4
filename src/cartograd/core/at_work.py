"""Names of what is being written, and what writers that were killed have left of it.

What is not whole yet stands beside the place where it shall be, under a hidden name with our mark,
and is locked by its writer. The lock ends with the writer, however that ends: what nobody holds is
nobody's, and the next writer of the same name takes it away.
"""

import glob
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from cartograd.core.locks import FolderLock, abandoned
from cartograd.core.paths import temporary

MARK = "cartograd-"
"""In the name of what is not whole yet."""


def prefix(path: Path, /) -> str:
    """How the names begin of what shall become `path`."""
    return f".{path.name}.{MARK}"


def sweep(path: Path, /) -> None:
    """Take away what writers of `path` that were killed have left."""
    for left in path.parent.glob(f"{glob.escape(prefix(path))}*"):
        if not abandoned(left):
            continue
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            with suppress(OSError):
                left.unlink()


@contextmanager
def working_folder(path: Path, /) -> Iterator[tuple[Path, FolderLock]]:
    """A locked folder beside `path` and its lock; it is gone at the end, unless it was moved."""
    sweep(path)
    folder = Path(tempfile.mkdtemp(prefix=prefix(path), dir=path.parent))
    try:
        with closing(FolderLock(folder)) as lock:
            yield folder, lock
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def scratch_folder() -> Iterator[tuple[Path, FolderLock]]:
    """A folder and its lock, in the system's place for what is not kept.

    Raises:
        UsageError: there is none that can be written.
    """
    with working_folder(temporary() / "scratch") as made:
        yield made
