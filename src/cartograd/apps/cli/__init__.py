"""The command line: a file per verb, none of which is imported before its verb is called.

Exit codes: 0, 1 (a check failed, or a bug with its traceback), 2 (the user's mistake, one line on
stderr and nothing written), 130 or 143 (stopped by Ctrl-C or SIGTERM, with the checkpoint saved; a
server that is ended so has done its work: 0).
"""

import inspect
import os
import sys
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cyclopts import App, CycloptsError, Group, Parameter
from cyclopts.completion.install import create_install_completion_command

from cartograd import __version__
from cartograd.apps.cli import common, imports, names, output, shells
from cartograd.apps.cli.help_text import Translated, paragraphs
from cartograd.apps.cli.launch import MISTAKES
from cartograd.core import screen
from cartograd.core.errors import UsageError
from cartograd.core.interrupt import Stopped, stoppable
from cartograd.core.language import chinese, said, speaking
from cartograd.core.system import refusal, refuses, unheard, unread

COMMANDS = {
    "A model's life": (
        "train", "augment", "evaluate", "predict", "generate", "ask", "explain", "attack",
        "defend", "verify", "leak", "scan", "audit", "compress", "export", "cost", "replace",
        "serve", "runs", "diagnose", "league", "import", "tour",
    ),
    "The map": ("learn", "list", "show", "coverage", "trace", "claim", "data"),
    "This installation": ("doctor", "version"),
}  # fmt: skip
"""Every command, by group. `NAME` is the function `NAME_` of the file `NAME_.py`, whose docstring
is its help."""

PARAMETER = Parameter(negative=(), show_default=lambda value: str(value) if value else None)
"""No `--no-...` twins of flags, and no word on defaults that say 'nothing'."""


def application() -> App:
    """The command line as an object; imports no command."""
    app = App(
        name="cartograd",
        help=said("A map of deep learning on which every place runs."),
        version=__version__,
        help_format="markdown",
        help_epilogue=said(imports.HELP),
        help_formatter=Translated() if chinese() else None,
        default_parameter=PARAMETER,
        suppress_keyboard_interrupt=False,
        group_commands=Group("Options", sort_key=len(COMMANDS)),
    )
    for rank, (title, commands) in enumerate(COMMANDS.items()):
        group = Group(said(title), sort_key=rank)
        for order, name in enumerate(commands):
            text = (Path(__file__).parent / f"{name}_.py").read_text(encoding="utf-8")
            app.command(
                f"cartograd.apps.cli.{name}_:{name}_",
                name=name,
                help=paragraphs(inspect.cleandoc(text.split('"""', 2)[1])),  # parsing: 30 ms
                group=group,
                sort_key=order,
            )
    app.command(
        create_install_completion_command(partial(shells.install, app), add_to_startup=True),
        name="--install-completion",
    )
    return app


def main(tokens: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    words = list(sys.argv[1:] if tokens is None else tokens)
    common.words[:] = words
    try:
        rest, lang = screen.spoken(words)
        with speaking(lang):
            return _run(words, rest)
    except UsageError as error:  # it is no language
        with speaking(screen.shown("auto")):
            _mistake(error, words)
        return 2


def _run(words: Sequence[str], rest: list[str]) -> int:
    """Run a command line, of which `rest` is without its language."""
    # Torch's threads wait for each other asleep, not spinning: on a busy machine that made the
    # training of small models three times slower (LeNet-5, two cores, load 9; measured 2026-11-22).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        _check_empty(words)
        rest, packages = screen.taken(rest, imports.FLAG, "my_package.methods")
        models: list[str] = []
        if rest[:1] != ["tour"]:  # it names a model of the map by this flag
            rest, models = screen.taken(rest, imports.MODEL, "my_package.nets:make")
        if len(models) > 1:
            raise UsageError(f"{imports.MODEL} is given twice; name one model")
        with (
            stoppable(),
            warnings.catch_warnings(),
            imports.importing(packages, next(iter(models), None)),
        ):
            warnings.showwarning = _warned
            code = _called(rest)
        sys.stdout.flush()
    except (UsageError, CycloptsError) as error:
        _mistake(error, words)
        return 2
    except KeyboardInterrupt as error:
        output.note("stopped")
        return error.code if isinstance(error, Stopped) else 130
    except OSError as error:
        if not unread(error):
            return _refused(error, words)
        unheard()
        return 0
    except SystemExit as error:
        if not unread(error.__context__):  # rich, which draws the help, ends so
            raise
        unheard()
        return 0
    return code if isinstance(code, int) else 0


def _refused(error: OSError, words: Sequence[str]) -> int:
    """The exit code where the system lets nothing be written: that is no bug.

    Raises:
        OSError: it is of another kind.
    """
    if not refuses(error):
        raise error
    _mistake(refusal(error), words)
    return 2


def _called(words: Sequence[str]) -> Any:
    """What a command gives; what its words name is looked up before anything is loaded."""
    if words in ([], ["--json"]):
        from cartograd.apps.cli.home import home

        return home(json=bool(words))
    command, bound, _ = application().parse_args(words, exit_on_error=False, print_error=False)
    if any(names.asked(bound)):
        from cartograd.apps.cli import lookups  # reads more files than help needs

        lookups.check(bound)
    return command(*bound.args, **bound.kwargs)


def _check_empty(words: Sequence[str]) -> None:
    """Refuse an empty word, as an unset variable of the shell leaves it: a path would be `.`.

    Raises:
        UsageError: there is one, and it is neither a prompt (`generate` says what it expects there)
            nor the beginning of a word that a shell completes.
    """
    if "" in words and words[0] not in ("generate", "__complete"):
        before = " ".join(words[: words.index("")][-2:])
        raise UsageError(f"the word after {before!r} is empty; is a variable of the shell not set?")


def _mistake(error: Exception, words: Sequence[str]) -> None:
    """A mistake is told once: by this process, or by the one that started several."""
    folder = os.environ.get(MISTAKES)
    if folder is None:
        output.mistake(error, as_json="--json" in words)
        return
    path = Path(folder) / f"mistake-{os.environ.get('RANK', '0')}"
    path.write_text(f"{type(error).__name__}\n{error}", encoding="utf-8")


def _warned(message: Warning | str, *_: object) -> None:
    """A warning is a line for people; where in the code it arose says nothing to them."""
    output.note(f"warning: {' '.join(str(message).split())}")
