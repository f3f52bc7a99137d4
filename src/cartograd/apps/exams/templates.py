r"""Templates of prompts: Jinja's language in a sandbox, as task files are written in it.

A field that an item lacks is refused rather than left empty.

>>> filled("Q: {{ q }}\nA:", {"q": "1 + 1?"}, "toy")
'Q: 1 + 1?\nA:'
"""

import ast
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from cartograd.core.errors import UsageError, first_line


def filled(template: str, item: Mapping[str, Any], where: str, /) -> str:
    """A template with an item's fields.

    Raises:
        UsageError: the template is damaged, or names a field that the item lacks.
    """
    from jinja2 import TemplateError

    try:
        return _compiled(template).render(**item)
    except (
        TemplateError, TypeError, AttributeError, LookupError, ValueError, ArithmeticError,
        RecursionError,
    ) as error:  # fmt: skip
        raise UsageError(
            f"{where}: the template {template[:60]!r} cannot be filled: {first_line(error)}; the "
            f"item has {', '.join(item) or 'no fields'}"
        ) from error


def field(said: str, item: Mapping[str, Any], where: str, /) -> Any:
    """The field of that name, or the template filled."""
    return item[said] if said in item else filled(said, item, where)


def listed(said: Any, item: Mapping[str, Any], where: str, /) -> list[str]:
    """The choices of an item: a list, the field of that name, or a template that gives a list.

    Raises:
        UsageError: it is no list of texts.
    """
    found = said
    if isinstance(said, str):
        found = field(said, item, where)
        if isinstance(found, str):
            try:
                found = ast.literal_eval(found)
            except (ValueError, SyntaxError) as error:
                raise UsageError(f"{where}: {found[:60]!r} is no list of choices") from error
    if isinstance(found, Mapping):
        found = list(found.values())
    if not isinstance(found, list | tuple) or len(found) < 2:
        raise UsageError(f"{where}: {found!r:.60} is no list of at least two choices")
    return [str(one) for one in found]


@cache
def _compiled(template: str) -> Any:
    return _room().from_string(template)


@cache
def _room() -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    room = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    room.filters["regex_replace"] = lambda text, pattern, to, count=0: re.sub(
        pattern, to, text, count=count
    )
    return room
