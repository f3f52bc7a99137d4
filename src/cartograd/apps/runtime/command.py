"""The three commands of the runtime, by what Python itself brings."""

import csv
import sys
from argparse import SUPPRESS, ArgumentParser, HelpFormatter, Namespace
from collections.abc import Sequence
from typing import Any, NoReturn

from cartograd import __version__
from cartograd.apps.results.answers import Answers
from cartograd.apps.runtime.model import Model, load, predict
from cartograd.apps.server.listening import address, listen, quiet, until_stopped
from cartograd.core.errors import UsageError
from cartograd.core.language import said
from cartograd.core.paths import texts
from cartograd.core.screen import as_json

FILE = "an ONNX file of cartograd export, or a run that holds one"


class Help(HelpFormatter):
    """Help in the reader's language."""

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        """The first line."""
        super().add_usage(usage, actions, groups, said("usage: ") if prefix is None else prefix)


class Words(ArgumentParser):
    """A parser whose mistakes are the user's, as any other, and whose help is in their language.

    Args:
        **named: as `ArgumentParser` takes them.
    """

    def __init__(self, **named: Any) -> None:
        super().__init__(**named, add_help=False, formatter_class=Help, allow_abbrev=False)
        self.given = self.add_argument_group(said("Arguments"))
        self.flags = self.add_argument_group(said("Options"))
        self.flag("-h", "--help", action="help", help="show this help and exit")

    def word(self, name: str, told: str, **named: Any) -> None:
        """A positional argument."""
        self.given.add_argument(name, help=said(told), **named)

    def flag(self, *names: str, help: str, **named: Any) -> None:
        """An option."""
        self.flags.add_argument(*names, help=said(help), **named)

    def error(self, message: str) -> NoReturn:
        """Refuse the command line.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{message}; see {self.prog} --help")


def run(words: Sequence[str], /) -> int:
    """Run a command line; its exit code.

    Raises:
        UsageError: it cannot be done.
    """
    asked = _parser().parse_args(words)
    if asked.command == "serve":
        return _serve(asked)
    model = load(asked.model)
    return _check(model) if asked.command == "check" else _predict(model, asked)


def _parser() -> ArgumentParser:
    told = said("Answer by an ONNX file, without torch.")
    parser = Words(prog="cartograd-runtime", description=told)
    parser.flag("--version", action="version", version=__version__, help="show the version")
    parser.flag("--lang", metavar="en|zh|auto", default=SUPPRESS,
                help="the language (auto: of the locale)")  # fmt: skip
    verbs = parser.add_subparsers(
        title=said("Commands"), metavar="COMMAND", dest="command", required=True, parser_class=Words
    )

    def verb(name: str, told: str) -> Words:
        made = verbs.add_parser(name, help=said(told), description=said(told))
        made.word("model", FILE)
        return made

    asked = verb("predict", "answer for files, rows, texts or numbers")
    asked.word("sources", "pictures, CSV files, texts, numbers like 0.5,1", nargs="+")
    asked.flag("--top", type=int, default=3, help="how many labels to name (3)")
    asked.flag("--csv", action="store_true", help="CSV, instead of an object a line")
    served = verb("serve", "answer over HTTP until Ctrl-C or SIGTERM")
    served.flag("--host", default="127.0.0.1", help="reached from this machine alone")
    served.flag("--port", type=int, default=8000, help="0 takes any that is free")
    verb("check", "compare with the answers that are kept beside it")
    return parser


def _predict(model: Model, asked: Namespace) -> int:
    given = texts(asked.sources) if model.signature.input.kind == "text" else asked.sources
    answers = predict(model, given, top=asked.top)
    for line in answers.notes:
        sys.stderr.write(f"{said(line)}\n")
    _show(answers, in_rows=asked.csv)
    for line in answers.refused:
        sys.stderr.write(f"{said(f'not answered: {line}')}\n")
    return 1 if answers.refused else 0


def _show(answers: Answers, *, in_rows: bool) -> None:
    if not in_rows:
        for answer in answers:
            sys.stdout.write(f"{as_json(answer)}\n")
        return
    rows: list[dict[str, Any]] = answers.flat()
    writer = csv.DictWriter(sys.stdout, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _check(model: Model) -> int:
    if not model.checked:
        raise UsageError(
            f"no answers are kept beside {model.name}; export the run anew, not its ONNX file"
        )
    told = said(f"{model.name}: {model.checked} examples are answered as they were")
    sys.stdout.write(f"{told}\n")
    return 0


def _serve(asked: Namespace) -> int:
    from cartograd.apps.runtime.app import application

    with listen(asked.host, asked.port) as listener:
        app = application(load(asked.model), started=lambda: _ready(address(listener)))
        until_stopped(quiet(app), listener)
    return 0


def _ready(url: str) -> None:
    sys.stdout.write(f"{said(f'answers at {url}/predict')}\n")
    sys.stdout.flush()
