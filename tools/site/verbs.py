"""A page for each command, of what its `--help` says, in both languages."""

import io
from collections.abc import Iterator
from functools import cache
from typing import Any

from cyclopts import App
from cyclopts.help import InlineText
from rich.console import Console
from rich.markdown import Markdown

from cartograd.apps.cli import COMMANDS, application, imports
from cartograd.apps.cli.help_text import paragraphs
from cartograd.core.language import chinese, said, speaking
from tools.site.texts import code, literal, table, toctree

CONSOLE = Console(file=io.StringIO(), width=1000, color_system=None)
"""Where help is drawn that nobody looks at."""


class Pages:
    """A formatter of help that writes Markdown."""

    def __init__(self) -> None:
        self.usage = ""
        self.about = ""
        self.panels: list[tuple[str, str]] = []
        self.commands: dict[str, str] = {}

    def __call__(self, console: Any, options: Any, panel: Any) -> None:  # noqa: ARG002
        """Keep a panel as a table."""
        if panel.format == "command":
            for entry in panel.entries:
                self.commands |= {one: _told(entry.description) for one in entry.positive_names}
            return
        rows = [(literal(" ".join(_labels(entry))), _means(entry)) for entry in panel.entries]
        self.panels.append((said(str(panel.title)), table(("", said("means")), rows)))

    def render_usage(self, console: Any, options: Any, usage: Any) -> None:  # noqa: ARG002
        """Keep the line that shows how a command is called."""
        self.usage = _plain(usage).strip()

    def render_description(self, console: Any, options: Any, description: Any) -> None:  # noqa: ARG002
        """Keep what a command is for."""
        self.about = _told(description) if description else ""


def _labels(entry: Any) -> list[str]:
    return [*entry.display_labels, *([entry.metavar] if entry.metavar else [])]


def _means(entry: Any) -> str:
    words = [_told(entry.description)]
    if entry.required:
        words.append(f"[{said('required')}]")
    if entry.choices:
        words.append(f"({', '.join(map(literal, entry.choices))})")
    if entry.default:
        words.append(f"({said('default')} {literal(_plain(entry.default))})")
    return " ".join(word for word in words if word).replace("\n", " ")


def _told(value: Any) -> str:
    """A text of help in the language of the page."""
    if isinstance(value, InlineText):
        more = " ".join(said(text.plain) for text in value.texts)
        return " ".join(part for part in (_told(value.primary_renderable), more) if part)
    if isinstance(value, Markdown):
        return paragraphs(value.markup).replace("|", r"\|")
    return said(_plain(value).strip()).replace("|", r"\|")


def _plain(value: Any) -> str:
    """What a part of a help page says, without its colours."""
    if isinstance(value, str):
        return value
    with CONSOLE.capture() as captured:
        CONSOLE.print(value, end="")
    return " ".join(captured.get().split())


@cache
def _app(_: bool) -> App:
    """The command line in the language that is spoken, Chinese or not."""
    app = application()
    app.help_epilogue = None
    return app


def helped(*words: str) -> Pages:
    """What the help of a command says."""
    app, found = _app(chinese()), Pages()
    app.help_formatter = found
    app.help_print(list(words), console=CONSOLE)
    return found


def pages(*, zh: bool) -> Iterator[tuple[str, str]]:
    """The path and the text of each page.

    Args:
        zh: in Chinese.
    """
    top = "zh/commands" if zh else "commands"
    with speaking("zh" if zh else "en"):
        verbs = [verb for group in COMMANDS.values() for verb in group]
        yield f"{top}/index.md", _index(zh=zh)
        for verb in verbs:
            yield f"{top}/{verb}.md", page(verb)


def _index(*, zh: bool) -> str:
    told = helped().commands
    parts = ["# 命令" if zh else "# Commands", said(imports.HELP)]
    for title, group in COMMANDS.items():
        rows = [(f"[`{verb}`]({verb}.md)", told[verb]) for verb in group]
        parts.append(f"## {said(title)}\n{table((said('command'), said('means')), rows)}")
    parts.append(toctree(verb for group in COMMANDS.values() for verb in group))
    return "\n\n".join(parts)


def page(verb: str, /) -> str:
    """The page of a command, in the language that is spoken."""
    found = helped(verb)
    parts = [f"# {verb}", found.about, code(_usage(found), "console")]
    below = [one for one in found.commands if not one.startswith("-")]
    for title, text in found.panels if not below else []:
        parts.append(f"## {title}\n{text}")
    for name in below:
        inner = helped(verb, name)
        parts += [f"## {verb} {name}", inner.about, code(_usage(inner), "console")]
        parts += [text for _, text in inner.panels]
    return "\n\n".join(part for part in parts if part) + "\n"


def _usage(found: Pages) -> str:
    """How it is called."""
    return f"$ {found.usage}"
