"""The JSON documents of a bundle: each an object, but for the spec of a foreign module."""

import json
from pathlib import Path
from typing import Any

from cartograd.core.errors import UsageError


def document(folder: Path, name: str, /) -> Any:
    """What a document says.

    Raises:
        UsageError: it is missing, no JSON, or no object.
    """
    try:
        said = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{folder}: {name}.json is missing or unreadable: {error}") from error
    if not isinstance(said, dict) and not (name == "spec" and said is None):
        raise UsageError(f"{folder}: {name}.json holds a {type(said).__name__}; expected an object")
    return said
