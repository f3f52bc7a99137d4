"""Where things are kept that can be made or fetched again."""

import os
import sys
from pathlib import Path

from cartograd.core.errors import UsageError
from cartograd.core.paths import expanded, temporary


def cache_folder() -> Path:
    """`$CARTOGRAD_CACHE`, or the platform's folder for caches.

    Who has no home, as a user by number in a container, has one of their own in the place for what
    is not kept.

    Raises:
        UsageError: there is no home, and no other place that is ours alone.
    """
    given = os.environ.get("CARTOGRAD_CACHE")
    if given:
        return expanded(given)
    try:
        home = Path.home()
    except RuntimeError:
        return _homeless()
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "cartograd"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "cartograd"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "cartograd"


def _homeless() -> Path:
    """A folder of the user's own: what others may write to could be anybody's.

    Raises:
        UsageError: it is another's.
    """
    user = os.getuid() if sys.platform != "win32" else 0
    folder = temporary() / f"cartograd-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
    except OSError as error:
        raise UsageError(f"cannot make {folder}: {error.strerror or error}") from error
    if sys.platform != "win32" and (state.st_uid != user or state.st_mode & 0o022):
        raise UsageError(
            f"there is no home folder, and {folder} is not this user's alone; name a folder with "
            "CARTOGRAD_CACHE"
        )
    return folder
