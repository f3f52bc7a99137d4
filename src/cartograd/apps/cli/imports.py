"""`--import` and `--model`, which every command takes: methods and a model of the user's own."""

import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cartograd.core import plugins, user_code
from cartograd.core.errors import UsageError
from cartograd.core.language import shows_chinese

FLAG, MODEL, LANG = "--import", "--model", "--lang"
HELP = (
    "Any command: `--import MODULE` adds the methods of a package or module of your own; "
    "`--model MODULE:NAME` is an nn.Module of your own code, to train or to fill with the weights "
    "of a run; `--lang en|zh|auto` is the language (auto: of the locale)."
)


def taken(words: Sequence[str], flag: str, example: str, /) -> tuple[list[str], list[str]]:
    """The other words of a command line, and what it names by a flag.

    >>> taken(["train", "my-net", "--import", "mine", "--import=more.of.them"], FLAG, "my_package")
    (['train', 'my-net'], ['mine', 'more.of.them'])

    Raises:
        UsageError: the flag ends the line.
    """
    rest: list[str] = []
    names: list[str] = []
    left = iter(words)
    for word in left:
        if word == flag:
            name = next(left, "")
            if not name or name.startswith("-"):
                raise UsageError(f"{flag} needs a name, like {flag} {example}")
            names.append(name)
        elif word.startswith(f"{flag}="):
            names.append(word.removeprefix(f"{flag}="))
        else:
            rest.append(word)
    return rest, names


@contextmanager
def importing(names: Sequence[str], model: str | None, /) -> Iterator[None]:
    """Methods of these modules, and a model's code, are known for one command.

    Modules of the current folder count.
    """
    here = os.getcwd()
    added = bool(names or model) and here not in sys.path and "" not in sys.path
    if added:
        sys.path.append(here)
    try:
        with plugins.using(names), user_code.naming(model):
            yield
    finally:
        if added and here in sys.path:
            sys.path.remove(here)


def spoken(words: Sequence[str], /) -> tuple[list[str], str]:
    """The other words of a command line, and the language that it asks for, if it can be shown.

    Raises:
        UsageError: the flag ends the line, or comes twice.
    """
    rest, names = taken(words, LANG, "zh")
    if len(names) > 1:
        raise UsageError(f"{LANG} is given twice; name one language")
    name = next(iter(names), "auto")
    able = shown(name)
    if able != name and name == "zh":
        print(f"cartograd: {sys.stdout.encoding} has no Chinese letters; this is in English",
              file=sys.stderr)  # fmt: skip
    return rest, able


def shown(name: str, /) -> str:
    """A language, or English where standard output or error cannot show Chinese.

    Letters that are neither become question marks there.
    """
    streams = [one for one in (sys.stdout, sys.stderr) if one is not None]
    if all(shows_chinese(stream.encoding) for stream in streams):
        return name
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    return "en" if name in ("zh", "auto") else name
