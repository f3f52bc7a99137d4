"""Download a package with its archive's own client, and unpack it without installing it."""

import os
import shutil
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path

from cartograd.data.store.client import UnavailableError, run
from cartograd.data.store.debian import index

LISTS = "/var/lib/apt/lists"
"""Apt's knowledge of what there is; whoever may write it may renew it."""


ARCHIVES = (".deb", ".whl", ".zip", ".tgz", ".gz")


def download(
    manager: str, package: str, version: str, folder: Path, /, *, sha256: str = ""
) -> Path:
    """The package's file, in `folder`.

    Args:
        manager: `apt`, `pip` (a wheel, or a source archive) or `npm`; `debian` is the index of a
            release, whose name is the version.
        package: its name there; of `debian`, the architecture.
        version: exactly this one.
        folder: where to put it; must be there and empty.
        sha256: of the file. pip runs a source archive's own code to learn what it needs, and is
            told to refuse any other file before that.

    Raises:
        UnavailableError: the client is not there, or does not have this version.
    """
    if manager == "apt":
        _apt(f"{package}={version}", folder)
    elif manager == "npm":
        run(["npm", "pack", "--silent", "--ignore-scripts", f"{package}@{version}"], folder)
    elif manager == "debian":
        index(version, package, folder / f"{version}.zip")
    else:
        _pip(f"{package}=={version}", folder, sha256)
    return _only(folder, package)


def unpack(archive: Path, folder: Path, /) -> None:
    """Unpack a Debian package, a wheel or a tar file; nothing is written outside of `folder`.

    Raises:
        UnavailableError: the archive is damaged, would write elsewhere, or the tool for it is not
            there.
    """
    if archive.suffix == ".deb":
        run(["dpkg-deb", "-x", str(archive), str(folder)], archive.parent)
        return
    try:
        if archive.suffix in (".tgz", ".gz"):
            with tarfile.open(archive) as file:
                file.extractall(folder, filter="data")
        else:
            with zipfile.ZipFile(archive) as file:  # itself keeps within the folder
                file.extractall(folder)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise UnavailableError(f"{archive.name} is damaged: {error}") from error


def extract(path: Path, name: str, /) -> bytes:
    """A table of an R package's database, as CSV.

    Raises:
        UnavailableError: the package that reads such files is not installed.
    """
    from cartograd.data.store.rtable import table_csv

    try:
        return table_csv(path, name).encode()
    except ImportError as error:
        raise UnavailableError(
            f"{error.name} is missing: pip install 'cartograd[tables]'"
        ) from error


def _pip(package: str, folder: Path, sha256: str) -> None:
    """A wheel for whatever Python, or a source archive: neither is installed."""
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--ignore-requires-python"]
    wanted = [package]
    if sha256:
        pinned = folder / "pinned.txt"
        pinned.write_text(f"{package} --hash=sha256:{sha256}\n", encoding="utf-8")
        wanted = ["--require-hashes", "--requirement", str(pinned)]
    run([*pip, "--quiet", "--dest", str(folder), *wanted], folder)


def _apt(package: str, folder: Path) -> None:
    """Try; where the package is unknown and we may, renew the lists once and try again."""
    command = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package]
    try:
        run(command, folder)
    except UnavailableError:
        if shutil.which("apt-get") is None or not os.access(LISTS, os.W_OK):
            raise
        run(["apt-get", "-qq", "update"], folder)
        run(command, folder)


def _only(folder: Path, package: str) -> Path:
    files = [file for file in folder.iterdir() if file.suffix in ARCHIVES]
    if len(files) != 1:
        raise UnavailableError(f"{package} came as {len(files)} files; expected one")
    return files[0]
