"""Apps ask the task, or a protocol of what they call; they guess from no class and no kind."""

import ast

from tools.source import ROOT

SOURCE = ROOT / "src/cartograd"
FILES = sorted(SOURCE.rglob("*.py"))


def calls(path, name):
    """Calls of a function in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def from_architectures(path):
    """What a file imports from the rooms of models."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and "architectures" in (node.module or ""):
            yield from (name.asname or name.name for name in node.names)


def test_no_class_of_an_architecture_is_asked_for_in_apps():
    guesses = [
        f"{path.relative_to(SOURCE)}:{call.lineno}"
        for path in FILES
        if path.is_relative_to(SOURCE / "apps")
        for names in [set(from_architectures(path)) | {"Tokenizer"}]
        for call in calls(path, "isinstance")
        if {one.id for one in ast.walk(call.args[1]) if isinstance(one, ast.Name)} & names
    ]
    assert not guesses


def test_nothing_but_the_ports_asks_what_kind_an_output_is():
    """What an answer means is said by the task (ADR 0016)."""
    found = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path in FILES
        if path not in (SOURCE / "core/ports.py", SOURCE / "core/older_outputs.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare)
        and any(
            isinstance(part, ast.Attribute)
            and part.attr == "kind"
            and ast.unparse(part.value).split(".")[-1] in ("output", "target")
            for part in (node.left, *node.comparators)
        )
    ]
    assert not found
