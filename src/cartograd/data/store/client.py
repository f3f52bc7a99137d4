"""The archives' own clients (apt, pip, npm, dpkg), run quietly."""

import os
import shutil
import subprocess
from pathlib import Path

SECONDS = 900
"""Longest time one step may take."""

ERRORS = ("E:", "ERROR", "npm error code", "npm ERR! code")
"""How clients begin the line that tells what is wrong."""


class UnavailableError(Exception):
    """The package cannot be had here; the message says why."""


def run(command: list[str], folder: Path, /, **environment: str) -> str:
    """Run a client quietly in a folder, with further environment variables; what it says.

    Raises:
        UnavailableError: it is not there or fails; its own complaint is the reason.
    """
    if shutil.which(command[0]) is None:
        raise UnavailableError(f"{command[0]} is not on this machine")
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            env=os.environ | environment,
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"{command[0]} took more than {SECONDS} s") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        reason = next((line for line in lines if line.startswith(ERRORS)), lines[-1])
        raise UnavailableError(f"{Path(command[0]).name} failed: {reason}")
    return done.stdout
