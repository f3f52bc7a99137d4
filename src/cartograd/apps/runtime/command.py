"""The three commands of the runtime, by what Python itself brings."""

import csv
import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any, NoReturn

from cartograd import __version__
from cartograd.apps.results.answers import Answers
from cartograd.apps.runtime.model import Model, load, predict
from cartograd.apps.server.listening import address, listen, quiet, until_stopped
from cartograd.core.errors import UsageError
from cartograd.core.paths import texts


class Words(ArgumentParser):
    """A parser whose mistakes are the user's, as any other."""

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
    parser = Words(prog="cartograd-runtime", description="Answer by an ONNX file, without torch.")
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(dest="command", required=True, parser_class=Words)
    asked = verbs.add_parser("predict", help="answer for files, rows, texts or numbers")
    asked.add_argument("model", help="an ONNX file of cartograd export, or a run that holds one")
    asked.add_argument("sources", nargs="+", help="pictures, CSV files, texts, numbers like 0.5,1")
    asked.add_argument("--top", type=int, default=3, help="how many labels to name (3)")
    asked.add_argument("--csv", action="store_true", help="CSV, instead of an object a line")
    served = verbs.add_parser("serve", help="answer over HTTP until Ctrl-C or SIGTERM")
    served.add_argument("model")
    served.add_argument("--host", default="127.0.0.1", help="reached from this machine alone")
    served.add_argument("--port", type=int, default=8000, help="0 takes any that is free")
    checked = verbs.add_parser("check", help="compare with the answers that are kept beside it")
    checked.add_argument("model")
    return parser


def _predict(model: Model, asked: Namespace) -> int:
    given = texts(asked.sources) if model.signature.input.kind == "text" else asked.sources
    answers = predict(model, given, top=asked.top)
    for line in answers.notes:
        sys.stderr.write(f"{line}\n")
    _show(answers, in_rows=asked.csv)
    for line in answers.refused:
        sys.stderr.write(f"not answered: {line}\n")
    return 1 if answers.refused else 0


def _show(answers: Answers, *, in_rows: bool) -> None:
    if not in_rows:
        for answer in answers:
            sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
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
    sys.stdout.write(f"{model.name}: {model.checked} examples are answered as they were\n")
    return 0


def _serve(asked: Namespace) -> int:
    from cartograd.apps.runtime.app import application

    with listen(asked.host, asked.port) as listener:
        app = application(load(asked.model), started=lambda: _ready(address(listener)))
        until_stopped(quiet(app), listener)
    return 0


def _ready(url: str) -> None:
    sys.stdout.write(f"answers at {url}/predict\n")
    sys.stdout.flush()
