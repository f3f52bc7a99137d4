"""How it was made: every setting, and where its value came from."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from cartograd.apps.report.parts import Section, Table, table


def configuration(
    settings: Mapping[str, tuple[Any, str]], /, *, command: str = ""
) -> Section | None:
    """A row for each setting.

    Args:
        settings: for each key its value and its origin (default, signature, preset, file, flag).
        command: the command line that makes the same again.
    """
    if not settings:
        return None
    rows = [
        [key, Markup("<code>{}</code>").format(_text(value)), origin]
        for key, (value, origin) in settings.items()
    ]
    body = table(Table(["setting", "value", "from"], rows, text=frozenset({1, 2})))
    if command:
        body = Markup("<p>The same again: <code>{}</code></p>").format(command) + body
    return Section("configuration", "Configuration", "", body)


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(value)
