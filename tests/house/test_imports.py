"""The rooms inside the rooms: who may import whom, down to single files.

import-linter keeps the order of the rooms (pyproject.toml); here stands what it does not know:
files form no circle, imports inside of functions counted; the engine stays a short drawing.
"""

import ast
from collections import defaultdict
from functools import cache
from graphlib import CycleError, TopologicalSorter

import pytest

from tools.source import ROOT

SRC = ROOT / "src"
FILES = {
    ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((SRC / "cartograd").rglob("*.py"))
}
ENGINE = ["device", "files", "inputs", "distributed", "logging", "optim", "checkpoint", "loop"]
ARROWS = 20


def imported(path):
    """The files of the package that one imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cartograd"):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in FILES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in FILES)


def arrows(files, room):
    """Which folder of a room imports which other one."""
    found = defaultdict(set)
    for name, others in files.items():
        for other in others:
            one, two = ((*x.split("."), "", "")[:3] for x in (name, other))
            if one[1] == two[1] == room and one[2] and two[2] and one[2] != two[2]:
                found[one[2], two[2]].add((name, other))
    return found


@cache
def graph():
    """Which file imports which others; read once, and not while tests are collected."""
    return {name: set(imported(path)) - {name, "cartograd"} for name, path in FILES.items()}


def ordered(files):
    """The files in an order in which each imports only earlier ones; or what stands in the way."""
    try:
        return list(TopologicalSorter(files).static_order())
    except CycleError as error:
        raise AssertionError(f"a circle of files: {' -> '.join(error.args[1])}") from error


def test_files_form_no_circle():
    files = {name: others for name, others in graph().items() if name != "cartograd"}  # lazy names
    assert len(ordered(files)) > 600


def test_a_circle_is_found():
    with pytest.raises(AssertionError, match=r"a circle of files: (a -> b -> a|b -> a -> b)"):
        ordered({"a": {"b"}, "b": {"a"}})


def test_the_engine_is_a_short_drawing():
    found = arrows(graph(), "engine")
    assert {room for pair in found for room in pair} == set(ENGINE)
    assert len(found) <= ARROWS, sorted(found)


def test_no_file_lies_beside_the_rooms():
    for room in ("engine", "data", "apps"):
        loose = [p.name for p in (SRC / "cartograd" / room).glob("*.py")]
        assert loose == ["__init__.py"], room
