"""Where things are kept that can be made or fetched again."""

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """`$CARTOGRAD_CACHE`, or the platform's folder for caches."""
    given = os.environ.get("CARTOGRAD_CACHE")
    if given:
        return Path(given).expanduser()
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "cartograd"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "cartograd"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "cartograd"
