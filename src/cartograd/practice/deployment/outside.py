"""Packages of other makers' machines: asked for before any work, and kept quiet while they work."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from cartograd.core.errors import UsageError


def check_package(name: str, /, *, files: str, instead: str) -> None:
    """Refuse to begin where a package is not installed.

    Args:
        name: of the package, of its module, and of the extra of ours that asks for it.
        files: what is made with it, for the message.
        instead: how to come to these files without it here.

    Raises:
        UsageError: it is missing.
    """
    if find_spec(name) is None:
        raise UsageError(
            f"{files} need {name}, which is not installed: pip install {name}; or {instead}"
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep to itself what a compiler tells of its own work: warnings, logs and lines of C++.

    Lines of C++ go past Python's streams, so the process's stderr itself is turned off meanwhile.
    """
    disabled = logging.root.manager.disable
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
