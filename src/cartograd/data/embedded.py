"""The small real datasets inside scikit-learn, read without importing it (that takes a second)."""

import gzip
import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from cartograd.core.errors import UsageError


def read(name: str, /, *, skip: int = 0) -> tuple[np.ndarray, dict[str, Any]]:
    """The numbers of a comma-separated file of scikit-learn, and where they come from.

    Args:
        name: file name in `sklearn/datasets/data`.
        skip: header lines to leave out.

    Raises:
        UsageError: scikit-learn, or the file in it, is not there.
    """
    found = find_spec("sklearn")
    path = Path((found.origin if found else None) or "sklearn").parent / "datasets/data" / name
    if not path.is_file():
        raise UsageError(f"{path} is missing; expected it in scikit-learn: reinstall scikit-learn")
    content = path.read_bytes()
    text = gzip.decompress(content) if name.endswith(".gz") else content
    rows = np.loadtxt(text.decode().splitlines(), delimiter=",", skiprows=skip)
    return rows, {
        "source": f"scikit-learn, datasets/data/{name}",
        "sha256": hashlib.sha256(content).hexdigest(),
    }
