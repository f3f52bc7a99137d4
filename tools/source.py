"""A Python file of the repository, as the house rules look at it."""

import ast
import gc
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeGuard

ROOT = Path(__file__).parents[1]
BINARY = (".png", ".jpg", ".wav", ".onnx", ".safetensors", ".npz", ".gz")


@dataclass(frozen=True)
class File:
    """A Python file of the repository."""

    path: Path

    @cached_property
    def text(self) -> str:
        """What it says."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """What it means."""
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the tree."""
        return list(ast.walk(self.tree))

    @cached_property
    def name(self) -> str:
        """Its path in the repository."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def in_package(self) -> bool:
        """Whether users install it."""
        return self.name.startswith("src/")

    @cached_property
    def card(self) -> ast.Assign | None:
        """The statement that makes the file's card, in a method's file."""
        body = self.tree.body if self.in_package else []
        return next((node for node in body if assigns(node, "CARD")), None)

    @property
    def entry(self) -> str:
        """The name of the class or function that the card describes."""
        call = self.card.value if self.card else None
        given = {k.arg: k.value for k in call.keywords} if isinstance(call, ast.Call) else {}
        return ast.literal_eval(given.get("entry", ast.Constant("")))

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Every function, methods and inner ones too."""
        return (n for n in self.nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))

    def entries(self) -> Iterator[tuple[str, ast.FunctionDef]]:
        """What users call in a method's file: public functions, and the makers of classes."""
        for node in self.tree.body if self.card else []:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield node.name, node
            elif isinstance(node, ast.ClassDef) and not _is_dataclass(node):
                makers = (item for item in node.body if isinstance(item, ast.FunctionDef))
                yield from ((node.name, item) for item in makers if item.name == "__init__")


def assigns(node: ast.AST, name: str) -> TypeGuard[ast.Assign]:
    """Whether a statement is `name = ...`."""
    if not isinstance(node, ast.Assign):
        return False
    target = node.targets[0]
    return isinstance(target, ast.Name) and target.id == name


def _is_dataclass(node: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)


@contextmanager
def unsearched() -> Iterator[None]:
    """While trees are made, garbage is not looked for in them: it took most of the time."""
    looked = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looked:
            gc.enable()


def tracked() -> list[Path]:
    """The repository's own text files, committed or about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    paths = (ROOT / line for line in listed.stdout.splitlines() if not line.endswith(BINARY))
    return sorted(path for path in paths if path.is_file())
