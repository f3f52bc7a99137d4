"""Tensors that several names share: in a file once, with the further names in its metadata."""

import json
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from cartograd.core.errors import UsageError


def with_aliases(
    path: Path, tensors: dict[str, Tensor], told: Mapping[str, str], /
) -> dict[str, Tensor]:
    """The tensors of a file, also by the further names that its metadata gives them.

    Args:
        path: of the file, for messages.
        tensors: by their names.
        told: its metadata.

    Raises:
        UsageError: the names are damaged.
    """
    try:
        aliases = json.loads(told.get("aliases", "{}"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    named = aliases.values() if isinstance(aliases, dict) else [None]
    if not all(isinstance(other, str) and other in tensors for other in named):
        raise UsageError(f"{path} cannot be read: its aliases name no tensor of the file")
    return tensors | {name: tensors[other] for name, other in aliases.items()}
