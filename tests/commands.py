"""Command lines run in the process of the tests: exit code, output, and the JSON in it."""

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cartograd.apps.cli import main


@dataclass(frozen=True)
class Done:
    """What came of a command line."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value on stdout."""
        return json.loads(self.out)


def command(capsys: Any, monkeypatch: Any) -> Callable[..., Done]:
    """A function that runs the words of a command line."""

    def run(*words: Any, stdin: str = "") -> Done:
        capsys.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
            code = main([str(word) for word in words])
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return run
