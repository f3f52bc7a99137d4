"""Files that are whole or absent: atomic writes and digests."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from blake3 import blake3

from cartograd.core import direct, system
from cartograd.core.at_work import prefix, sweep, working_folder
from cartograd.core.errors import UsageError
from cartograd.core.locks import hold


def flush(path: Path) -> None:
    """Ask the disk to keep `path` (a file or a folder) before we rely on it."""
    system.keep(path)


def write_file(path: str | Path, content: str | bytes, /) -> Path:
    """Write a file so that a reader sees the old content or the new, never a part.

    Raises:
        UsageError: the folder cannot be written, or the disk is full; nothing is left behind.
    """
    path = Path(path)
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f"{prefix(path)}{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path)
        with temporary.open("wb") as file:
            hold(file.fileno())
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if not system.WINDOWS:  # the lock holds until it is whole; there no open file is moved
                temporary.replace(path)
        if system.WINDOWS:
            system.move(temporary, path)
        flush(path.parent)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return path


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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with working_folder(path) as (temporary, _):
            yield temporary
            for file in sorted(temporary.rglob("*"), reverse=True) if sync else ():
                flush(file)
            temporary.chmod(0o755)
            _move(temporary, path)
            flush(path.parent)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


def _move(new: Path, path: Path) -> None:
    """Let `new` take the place of `path`; if that fails, `path` is as it was."""
    if not path.exists():
        system.move(new, path)
        return
    with working_folder(path) as (aside, _):
        system.move(path, aside / path.name)
        try:
            system.move(new, path)
        except BaseException:
            (aside / path.name).replace(path)
            raise


def digest(path: str | Path, /) -> str:
    """The sha256 of a file, in hexadecimal, as those who publish files print it."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hashed(path: Path, /) -> str:
    """The BLAKE3 of a file, in hexadecimal.

    As safe as sha256 and several times as fast: what is written is checked at each reading.
    """
    return blake3().update_mmap(path).hexdigest()


def write_hashed(path: Path, parts: Sequence[bytes | memoryview], /, *, once: bool = False) -> str:
    """Write a file from its parts; its BLAKE3, computed beside the writing, not by reading it.

    Args:
        path: the file.
        parts: what it holds, one after the other.
        once: it will hardly be read soon, so it need not stay in memory.

    Raises:
        OSError: the file cannot be written.
    """
    if once and sum(map(len, parts)) >= direct.LARGE:
        found = direct.write_direct(path, parts)
        if found is not None:
            return found
    state = blake3()

    def update() -> None:
        for part in parts:
            state.update(part)

    large = sum(map(len, parts)) > 1 << 20  # worth a thread
    with path.open("wb") as file, ThreadPoolExecutor(1) as pool:
        hashing = pool.submit(update) if large else None
        for part in parts:
            file.write(part)
        update() if hashing is None else hashing.result()
    return state.hexdigest()


def write_manifest(folder: Path, known: Mapping[str, str] | None = None, /) -> str:
    """Record size and BLAKE3 of every file of `folder` in its `manifest.json`; its own BLAKE3.

    Args:
        folder: whose files.
        known: the BLAKE3 of files, by name, that need not be read for it.
    """
    files = {
        name: {"size": file.stat().st_size, "blake3": (known or {}).get(name) or hashed(file)}
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
        if file.stat().st_size != size or hashed(file) != found:
            raise UsageError(
                f"{folder}: {name!r} was changed or damaged since it was written "
                f"(BLAKE3 differs from the manifest); restore it or train again"
            )
    return blake3(text.encode()).hexdigest()
