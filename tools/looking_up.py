"""Whether a command or a piece of Python on a page names what there is: it is read, and not run.

A verb, its flags, methods with their arguments, settings, formats, metrics, sources: all that the
command line looks up before it loads anything. Runs, files and folders that a page speaks of are
stood in for, in an empty folder.
"""

import ast
import contextlib
import inspect
import json
import re
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from cyclopts import App

import cartograd
from cartograd.apps.cli import COMMANDS, application, imports, lookups, names
from cartograd.apps.load.endpoint import is_endpoint
from cartograd.apps.load.settings import merged
from cartograd.core import registry, screen, source
from tools.blocks import Block, words
from tools.source import ROOT

BEHIND = {"data": r"\w[\w-]*:([^,=]+)(?:,|$)", "tool": r"search:(.+)", "gate": r"([^,]+)",
          "settings": r"\w+=[\w-]+:run=([^,]+)"}  # fmt: skip
"""What a file, folder or run stands in of words that name more, by what the words name."""

RUNS = (
    "gate",
    "settings",
    "target",
    "somewhere",
    "answerer",
    "against",
    "run",
    "curves",
    "begins",
    "two runs",
)
"""What names a run or another target, as `cartograd.apps.cli.names` calls it."""

RUN_FILES = ("manifest.json", "signature.json", "events.jsonl")
"""What a run is known by."""

FOLDERS = frozenset({"cells", "ours", "photos", "reviews"})
"""Folders of one word that a page speaks of; another is taken for a slip."""

VERBS = frozenset(verb for group in COMMANDS.values() for verb in group)

STANDS = {"SEED": "0", "COLUMNS": "left", "BETA": "0.1", "OPERATIONS": "1e12", "FORMAT": "onnx"}
STANDS |= dict.fromkeys(("DEPTH", "DIM", "FFN", "HEADS"), "8")
"""What a word in capitals stands for in a command of the results."""

ROUTES = ("/predict", "/generate", "/health", "/signature", "/v1/chat/completions")


class SlipError(Exception):
    """A page names what there is not."""


@cache
def _app() -> App:
    return application()


@contextlib.contextmanager
def somewhere() -> Iterator[None]:
    """An empty folder to stand in."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        yield


def look_up(block: Block, /) -> None:
    """Read all of a block.

    Raises:
        Exception: as whatever reads it would say; what a page names is not there.
    """
    if block.language in ("console", "sh"):
        with somewhere():
            for command in block.commands():
                look_up_command(command)
    elif block.language == "python":
        look_up_python(block.text)
    elif block.language == "toml":
        tomllib.loads(block.text)
    elif block.language == "yaml":
        for text in _texts(yaml.safe_load(block.text)):
            if text.startswith("cartograd "):
                with somewhere():
                    look_up_command(text)
    elif block.language == "json":
        for line in block.text.splitlines():
            json.loads(line)
    else:
        raise SlipError(f"nobody can read a block of {block.language or 'no language'}")


def look_up_command(command: str, /) -> None:
    """Read a command line, standing in an empty folder.

    Raises:
        Exception: as the command would say.
    """
    program, *rest = words(_filled(command))
    if program == "python" and rest[0] == "-m":
        program, *rest = rest[1:]
    if program not in OTHERS:
        PROGRAMS.get(Path(program).name, _unknown(program))(rest)


def _filled(command: str) -> str:
    return re.sub(r"\b[A-Z]+\b", lambda found: STANDS.get(found[0], found[0]), command)


def _unknown(program: str) -> Callable[[list[str]], None]:
    def refuse(_: list[str]) -> None:
        raise SlipError(f"nobody can read a command of {program}")

    return refuse


def _cartograd(line: list[str]) -> None:
    if len(line) == 1 and line[0] in VERBS:
        return  # the verb by itself, as sentences speak of it
    rest, _ = screen.spoken(line)
    for flag in (imports.FLAG, imports.MODEL):
        rest, _ = screen.taken(rest, flag, "my_package")
    _, bound, _ = _app().parse_args(rest, exit_on_error=False, print_error=False)
    for what, value in names.asked(bound):
        for word in value if isinstance(value, tuple | list) else (value,):
            _stand_in(what, str(word))
    lookups.check(bound)


def _stand_in(what: str, word: str) -> None:
    """Make the run, file or folder that a word names, unless it is a name of ours or a slip."""
    name = word.partition("," if what == "data" else ":")[0]
    behind = re.match(BEHIND.get(what, "$.^"), word)
    sourced = bool(behind) and (what != "data" or _source(word))
    name = behind[1] if behind and sourced else name
    if what not in (*RUNS, "data", "config", "tool") or is_endpoint(word) or word == lookups.BEFORE:
        return
    path = Path(name)
    named = sourced or name in FOLDERS or name.isupper() or path.suffix or len(path.parts) > 1
    if registry.lookup(name.partition(":")[0]) or not named or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix:
        path.touch()
        return
    path.mkdir()
    for file in RUN_FILES if what in RUNS else ():
        (path / file).write_text("{}\n")


def _source(word: str) -> bool:
    """Whether the source of a word reads a path that has to be there."""
    found = registry.lookup(word.partition(":")[0], kind="data")
    return bool(found) and ("path", True) in source.subjects(found[0][0])


def _runtime(line: list[str]) -> None:
    from cartograd.apps.runtime.command import _parser

    _parser().parse_args(line)


def _curl(line: list[str]) -> None:
    (address,) = (word for word in line if re.match(r"(http://)?(localhost|127\.0\.0\.1):", word))
    path = "/" + address.removeprefix("http://").partition("/")[2]
    if path not in ROUTES:
        raise SlipError(f"the server has no route {path}")
    for at, word in enumerate(line):
        if word == "-d":
            json.loads(line[at + 1])


def _make(line: list[str]) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    _all_there("make", (word for word in line if "=" not in word), targets)


def _pytest(line: list[str]) -> None:
    _all_there("pytest", (w for w in line if "/" in w), [w for w in line if (ROOT / w).exists()])


def _acceptance(line: list[str]) -> None:
    rows = [path.stem for path in (ROOT / "docs/results/rows").glob("*.json")]
    _all_there("acceptance", (word for word in line if not word.startswith("-")), rows)


def _all_there(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    if lost := set(given) - set(known):
        raise SlipError(f"{what} knows no {', '.join(sorted(lost))}")


PROGRAMS: dict[str, Callable[[list[str]], None]] = {
    "cartograd": _cartograd,
    "cartograd-runtime": _runtime,
    "curl": _curl,
    "make": _make,
    "pytest": _pytest,
    "acceptance": _acceptance,
}
"""What reads the words of each program."""

OTHERS = ("pip", "cd", ".venv/bin/pre-commit")
"""Programs whose words say nothing of ours."""


def look_up_python(text: str, /) -> None:
    """Read a piece of Python: what it imports, functions of `cg` and the names of their arguments.

    Raises:
        Exception: it is no Python, or names what there is not.
    """
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cartograd"):
            home = __import__(node.module or "", fromlist=[one.name for one in node.names])
            for one in node.names:
                getattr(home, one.name)
        elif isinstance(node, ast.Attribute) and _is_ours(node):
            getattr(cartograd, node.attr)
        elif isinstance(node, ast.Call) and _is_ours(node.func):
            _call(node)


def _is_ours(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        and node.value.id == "cg"
    )  # fmt: skip


def _call(node: ast.Call) -> None:
    """The names of a call's arguments."""
    assert isinstance(node.func, ast.Attribute)
    name = node.func.attr
    known = inspect.signature(getattr(cartograd, name)).parameters
    given = {item.arg: item.value for item in node.keywords if item.arg}
    others = {key: value for key, value in given.items() if key not in known}
    if others and not any(item.kind is item.VAR_KEYWORD for item in known.values()):
        raise SlipError(f"cg.{name} takes no {', '.join(others)}")
    if name in ("train", "fit", "repeat"):
        plain = {k: v.value for k, v in others.items() if isinstance(v, ast.Constant)}
        merged(None, plain)


def _texts(value: Any) -> Iterator[str]:
    """Every text within lists and tables."""
    if isinstance(value, str):
        yield value.strip()
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
