"""Files that are whole or absent: atomic writes and digests."""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from blake3 import blake3

from cartograd.core.errors import UsageError


def flush(path: Path) -> None:
    """Ask the disk to keep `path` (a file or a folder) before we rely on it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(path: str | Path, content: str | bytes, /) -> Path:
    """Write a file so that a reader sees the old content or the new, never a part.

    Raises:
        UsageError: the folder cannot be written, or the disk is full; nothing is left behind.
    """
    path = Path(path)
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        flush(path.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
    return path


class FolderLock:
    """Holds a folder against others who lock it, in this process too, until `close`.

    The system lifts it when the process ends, however it ends. It is on the folder itself, so no
    file is left behind; where the file system has no locks there is none.

    Raises:
        UsageError: another holds it.
    """

    held: ClassVar[set[int]] = set()

    def __init__(self, folder: Path, /) -> None:
        self._handle = os.open(folder, os.O_RDONLY)
        self.held.add(self._handle)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise UsageError(
                f"another run is writing {folder}; wait until it ends, or choose another folder"
            ) from error
        except OSError:
            pass  # the file system has no locks

    def close(self) -> None:
        """Let go of the folder."""
        if self._handle in self.held:
            self.held.remove(self._handle)
            os.close(self._handle)

    def __del__(self) -> None:
        self.close()


def _forget() -> None:
    """A forked process, like a DataLoader's worker, must not keep the folders of its parent."""
    while FolderLock.held:
        os.close(FolderLock.held.pop())


os.register_at_fork(after_in_child=_forget)


@contextmanager
def write_folder(
    path: str | Path, /, *, replace: bool = False, sync: bool = True
) -> Iterator[Path]:
    """A temporary folder that becomes `path` at the end of the block, or vanishes on an error.

    Args:
        path: where it shall be.
        replace: take the place of what is there.
        sync: wait for the disk to keep each file; not worth it for many files that can be
            made again.

    Raises:
        UsageError: `path` exists and `replace` is false, or it cannot be written.
    """
    path = Path(path)
    if path.exists() and not replace:
        raise UsageError(f"{path} exists already; choose another name or remove it")
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        yield temporary
        for file in sorted(temporary.rglob("*"), reverse=True) if sync else ():
            flush(file)
        temporary.chmod(0o755)
        _move(temporary, path)
        flush(path.parent)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None and temporary.exists():
            shutil.rmtree(temporary, ignore_errors=True)


def _move(new: Path, path: Path) -> None:
    """Let `new` take the place of `path`; if that fails, `path` is as it was."""
    if not path.exists():
        new.replace(path)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
    try:
        path.replace(aside / path.name)
        try:
            new.replace(path)
        except OSError:
            (aside / path.name).replace(path)
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def digest(path: str | Path, /) -> str:
    """The sha256 of a file, in hexadecimal, as those who publish files print it."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_hashed(path: Path, parts: Sequence[bytes | memoryview], /) -> str:
    """Write a file from its parts; its BLAKE3, computed beside the writing, not by reading it.

    Raises:
        OSError: the file cannot be written.
    """
    hashed = blake3()

    def update() -> None:
        for part in parts:
            hashed.update(part)

    large = sum(map(len, parts)) > 1 << 20  # worth a thread
    with path.open("wb") as file, ThreadPoolExecutor(1) as pool:
        hashing = pool.submit(update) if large else None
        for part in parts:
            file.write(part)
        update() if hashing is None else hashing.result()
    return hashed.hexdigest()


def write_manifest(folder: Path, known: Mapping[str, str] | None = None, /) -> str:
    """Record size and BLAKE3 of every file of `folder` in its `manifest.json`; its own BLAKE3.

    Args:
        folder: whose files.
        known: the BLAKE3 of files, by name, that need not be read for it.
    """
    files = {
        name: {"size": file.stat().st_size, "blake3": (known or {}).get(name) or _blake3(file)}
        for file in sorted(folder.rglob("*"))
        if file.is_file() and (name := str(file.relative_to(folder))) != "manifest.json"
    }
    text = json.dumps({"format": 2, "files": files}, indent=1, sort_keys=True)
    write_file(folder / "manifest.json", text)
    return blake3(text.encode()).hexdigest()


def check_manifest(folder: Path, /) -> str:
    """Compare every file of `folder` with its manifest; the manifest's BLAKE3.

    Raises:
        UsageError: the manifest is missing or unreadable, or a file is missing or changed.
    """
    path = folder / "manifest.json"
    try:
        text = path.read_text(encoding="utf-8")
        content: dict[str, Any] = json.loads(text)
        if content.get("format") == 1:
            raise UsageError(f"{path}: an older Cartograd wrote it, with sha256; make it again")
        files: dict[str, dict[str, Any]] = content["files"]
        expected = {name: (entry["size"], entry["blake3"]) for name, entry in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{path} is missing or unreadable: {error}") from error
    for name, (size, found) in expected.items():
        file = (folder / name).resolve()
        if folder.resolve() not in file.parents or not file.is_file():
            raise UsageError(f"{folder}: {name!r} is missing though the manifest lists it")
        if file.stat().st_size != size or _blake3(file) != found:
            raise UsageError(
                f"{folder}: {name!r} was changed or damaged since it was written "
                f"(BLAKE3 differs from the manifest); restore it or train again"
            )
    return blake3(text.encode()).hexdigest()


def _blake3(path: Path) -> str:
    """As safe as sha256 and several times as fast: what is written is checked at each reading."""
    return blake3().update_mmap(path).hexdigest()
