"""`--import` and `--model`, which every command takes: methods and a model of the user's own."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cartograd.core import plugins, user_code

FLAG, MODEL = "--import", "--model"
HELP = (
    "Any command: `--import MODULE` adds the methods of a package or module of your own; "
    "`--model MODULE:NAME` is an nn.Module of your own code, to train or to fill with the weights "
    "of a run; `--lang en|zh|auto` is the language (auto: of the locale)."
)


@contextmanager
def importing(names: Sequence[str], model: str | None, /) -> Iterator[None]:
    """Methods of these modules, and a model's code, are known for one command.

    Modules of the current folder count.
    """
    here = os.getcwd() if names or model else ""
    added = bool(here) and here not in sys.path and "" not in sys.path
    if added:
        sys.path.append(here)
    try:
        with plugins.using(names), user_code.naming(model):
            yield
    finally:
        if added and here in sys.path:
            sys.path.remove(here)
