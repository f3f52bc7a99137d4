"""Download a package with its archive's own client, and unpack it without installing it."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

SECONDS = 900
"""Longest time one step may take."""

LISTS = "/var/lib/apt/lists"
"""Apt's knowledge of what there is; whoever may write it may renew it."""


class UnavailableError(Exception):
    """The package cannot be had here; the message says why."""


def download(manager: str, package: str, version: str, folder: Path, /) -> Path:
    """The package's file, in `folder`.

    Args:
        manager: `apt` or `pip`.
        package: its name there.
        version: exactly this one.
        folder: where to put it; must exist.

    Raises:
        UnavailableError: the client is not there, or does not have this version.
    """
    if manager == "apt":
        return _apt(f"{package}={version}", folder)
    pip = [sys.executable, "-m", "pip", "download", "--no-deps"]
    _run([*pip, "--quiet", "--dest", str(folder), f"{package}=={version}"], folder)
    return _only(folder, package)


def unpack(archive: Path, folder: Path, /) -> None:
    """Unpack a Debian package or a wheel.

    Raises:
        UnavailableError: the archive is damaged, or the tool for it is not there.
    """
    if archive.suffix == ".deb":
        _run(["dpkg-deb", "-x", str(archive), str(folder)], archive.parent)
        return
    try:
        with zipfile.ZipFile(archive) as file:
            file.extractall(folder)
    except zipfile.BadZipFile as error:
        raise UnavailableError(f"{archive.name} is damaged: {error}") from error


def extract(path: Path, name: str, /) -> bytes:
    """A table of an R package's database, as CSV.

    Raises:
        UnavailableError: the package that reads such files is not installed.
    """
    from cartograd.data.rtable import table_csv

    try:
        return table_csv(path, name).encode()
    except ImportError as error:
        raise UnavailableError(
            f"{error.name} is missing: pip install 'cartograd[tables]'"
        ) from error


def _apt(package: str, folder: Path) -> Path:
    """Try; where the package is unknown and we may, renew the lists once and try again."""
    command = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package]
    try:
        _run(command, folder)
    except UnavailableError:
        if shutil.which("apt-get") is None or not os.access(LISTS, os.W_OK):
            raise
        _run(["apt-get", "-qq", "update"], folder)
        _run(command, folder)
    return _only(folder, package)


def _only(folder: Path, package: str) -> Path:
    files = [file for file in folder.iterdir() if file.suffix in (".deb", ".whl", ".zip")]
    if len(files) != 1:
        raise UnavailableError(f"{package} came as {len(files)} files; expected one")
    return files[0]


def _run(command: list[str], folder: Path) -> None:
    """Run a client quietly; its last line of complaint is the reason."""
    if shutil.which(command[0]) is None:
        raise UnavailableError(f"{command[0]} is not on this machine")
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"{command[0]} took more than {SECONDS} s") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        reason = next((line for line in lines if line.startswith(("E:", "ERROR"))), lines[-1])
        raise UnavailableError(f"{Path(command[0]).name} failed: {reason}")
