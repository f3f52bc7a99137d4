"""`--import` and `--model`, which every command takes: methods and a model of the user's own."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from cartograd.core import plugins
from cartograd.core.errors import UsageError

FLAG, MODEL = "--import", "--model"
HELP = (
    "Any command: `--import MODULE` adds the methods of a package or module of your own; "
    "`--model MODULE:NAME` is an nn.Module of your own code, to train or to fill with the weights "
    "of a run."
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
        with plugins.using(names), _naming(model):
            yield
    finally:
        if added and here in sys.path:
            sys.path.remove(here)


def _naming(model: str | None) -> AbstractContextManager[None]:
    if model is None:
        return nullcontext()
    from cartograd.core import user_code  # imports torch

    return user_code.naming(model)
