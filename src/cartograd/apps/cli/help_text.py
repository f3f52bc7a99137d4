"""Help in the language of the user: panels as cyclopts draws them, their words by the catalogue."""

from typing import TYPE_CHECKING, Any

from cartograd.core.language import said

if TYPE_CHECKING:
    from cyclopts.help import HelpPanel
    from rich.console import Console, ConsoleOptions
    from rich.text import Text


def paragraphs(text: str, /) -> str:
    """A docstring, paragraph by paragraph."""
    return "\n\n".join(said(" ".join(part.split())) for part in text.split("\n\n"))


class Translated:
    """Draws a panel of help with its words in the language of the user."""

    def __call__(self, console: "Console", options: "ConsoleOptions", panel: "HelpPanel") -> None:
        """Draw it."""
        from cyclopts.help.formatters.default import DefaultFormatter

        title = panel.title
        panel.title = said(title) if isinstance(title, str) else title
        panel.entries = [
            entry.copy(description=_described(entry.description)) for entry in panel.entries
        ]
        DefaultFormatter()(console, options, panel)

    def render_usage(self, console: "Console", options: "ConsoleOptions", usage: Any) -> None:
        """Draw the line that shows how a command is called."""
        from cyclopts.help.formatters.default import DefaultFormatter

        DefaultFormatter().render_usage(console, options, usage)

    def render_description(self, console: "Console", _: "ConsoleOptions", told: Any) -> None:
        """Draw what a command is for."""
        if told:
            console.print(_described(told))


def _described(told: Any) -> Any:
    """What an argument means: a text of the docstring, and remarks on defaults behind it."""
    from cyclopts.help import InlineText
    from rich.markdown import Markdown

    if not isinstance(told, InlineText) or not isinstance(told.primary_renderable, Markdown):
        return told
    primary = Markdown(paragraphs(told.primary_renderable.markup))
    found = InlineText(primary, force_empty_end=told.force_empty_end)
    for text in told.texts:
        found.append(_remark(text))
    return found


def _remark(text: "Text") -> "Text":
    from rich.text import Text

    return Text(said(text.plain), style=text.style, end=text.end)
