"""`--import MODULE`, which every command takes: methods of the user's own package."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cartograd.core import plugins
from cartograd.core.errors import UsageError

FLAG = "--import"
HELP = "Any command: `--import MODULE` adds the methods of a package or module of your own."


def taken(words: Sequence[str], /) -> tuple[list[str], list[str]]:
    """The other words of a command line, and the modules that it names.

    >>> taken(["train", "my-net", "--import", "mine", "--import=more.of.them"])
    (['train', 'my-net'], ['mine', 'more.of.them'])

    Raises:
        UsageError: the flag ends the line.
    """
    rest: list[str] = []
    names: list[str] = []
    left = iter(words)
    for word in left:
        if word == FLAG:
            name = next(left, "")
            if not name or name.startswith("-"):
                raise UsageError(f"{FLAG} needs a module, like {FLAG} my_package.methods")
            names.append(name)
        elif word.startswith(f"{FLAG}="):
            names.append(word.removeprefix(f"{FLAG}="))
        else:
            rest.append(word)
    return rest, names


@contextmanager
def importing(names: Sequence[str], /) -> Iterator[None]:
    """Methods of these modules are known for one command; modules of the current folder count."""
    here = os.getcwd()
    added = bool(names) and here not in sys.path and "" not in sys.path
    if added:
        sys.path.append(here)
    try:
        with plugins.using(names):
            yield
    finally:
        if added and here in sys.path:
            sys.path.remove(here)
