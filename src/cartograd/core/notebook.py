"""How results show themselves in notebooks: `_repr_html_` of a result asks here.

The pages are drawn by apps, which the rooms below cannot import: the drawing is found by its name,
as methods are by theirs, and only when a notebook asks for it.
"""

from importlib import import_module
from typing import Any


def shown(kind: str, thing: Any, /) -> str:
    """A result as a piece of HTML that needs nothing beside itself.

    Args:
        kind: the function of `cartograd.apps.report.notebook` that draws it.
        thing: the result.
    """
    return str(getattr(import_module("cartograd.apps.report.notebook"), kind)(thing))
