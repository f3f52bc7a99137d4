"""How results show themselves: `_repr_html_` and `draw` of a result ask here.

They are drawn by apps/report, which the rooms below cannot import: the drawing is found by its
name, as methods are by theirs, and only when someone asks for it.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

REPORT = "cartograd.apps.report."


def shown(kind: str, thing: Any, /) -> str:
    """A result as a piece of HTML that needs nothing beside itself.

    Args:
        kind: the function of `cartograd.apps.report.notebook` that draws it.
        thing: the result.
    """
    return str(getattr(import_module(REPORT + "notebook"), kind)(thing))


def drawn(page: str, thing: Any, path: str | Path, /) -> Any:
    """Write a result as an HTML page that needs nothing beside itself, or as a picture.

    Args:
        page: the module of `cartograd.apps.report` and its function that draws it, as
            `"compare:comparison_page"`.
        thing: the result.
        path: the file to write; an older one is replaced.

    Returns:
        The file; None of a picture that would show nothing.

    Raises:
        UsageError: the file cannot be written.
    """
    module, _, function = page.partition(":")
    return getattr(import_module(REPORT + module), function)(path, thing)
