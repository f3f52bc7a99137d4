"""Words for tools, looked up without importing torch."""

from pathlib import Path

from cartograd.core import user_code
from cartograd.core.errors import UsageError, nearest

CALCULATOR = "calculator"
"""The tool that is always there."""

SEARCH = "search"
"""The tool that has a folder."""

KNOWN = (CALCULATOR, "search:FOLDER", "MODULE:FUNCTION")
"""Words for tools."""


def check_tool(word: str, /) -> None:
    """Refuse what is no tool.

    Raises:
        UsageError: the words are not understood, there is no such folder, or the code was not
            named by `--import`.
    """
    name, colon, rest = word.partition(":")
    if name == SEARCH and colon:
        check_folder(rest)
    elif colon:
        user_code.check_function(word, f"the tool {word}")
    elif word != CALCULATOR:
        near = nearest(word, [CALCULATOR, SEARCH])
        hint = f"; did you mean {near!r}?" if near else ""
        raise UsageError(f"unknown tool {word!r}{hint} (there are {', '.join(KNOWN)})")


def check_folder(folder: str | Path, /) -> None:
    """Refuse to search where there is no folder.

    Raises:
        UsageError: there is none.
    """
    if not str(folder) or not Path(folder).is_dir():
        raise UsageError(f"there is no folder {str(folder)!r}; expected one of texts to search")
