"""The small real datasets inside scikit-learn, read without importing it (that takes a second)."""

import gzip
import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cartograd.core.errors import UsageError


def read(name: str, /) -> tuple[str, dict[str, Any]]:
    """The text of a file in `sklearn/datasets/data`, and where it comes from.

    Raises:
        UsageError: scikit-learn, or the file in it, is not there.
    """
    spec = find_spec("sklearn")
    path = Path((spec.origin if spec else None) or "sklearn").parent / "datasets/data" / name
    if not path.is_file():
        raise UsageError(f"{path} is missing; expected it in scikit-learn: reinstall scikit-learn")
    content = path.read_bytes()
    text = gzip.decompress(content) if name.endswith(".gz") else content
    return text.decode(), {
        "source": f"scikit-learn, datasets/data/{name}",
        "sha256": hashlib.sha256(content).hexdigest(),
    }
