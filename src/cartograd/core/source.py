"""What a method's file says about it, read without running it: signature and docstring."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cartograd.core import packages
from cartograd.core.card import Card
from cartograd.core.registry import ROOT


@dataclass(frozen=True)
class Argument:
    """A keyword-only argument (a hyperparameter), as its file spells it.

    Attributes:
        name: what a spec calls it.
        annotation: its type, as source text.
        default: its default, as source text; None where a value must be given.
    """

    name: str
    annotation: str
    default: str | None


def path_of(card: Card, /) -> Path:
    """The file that a card was read from."""
    package = packages.home(card.module)
    if package is not None:
        return package.path(card.module)
    return ROOT.parent.joinpath(*card.module.split(".")).with_suffix(".py")


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def docstring(card: Card, /) -> str:
    """The docstring of a method's file, where its idea, formula and references stand."""
    return ast.get_docstring(_tree(path_of(card))) or ""


def arguments(card: Card, /) -> tuple[Argument, ...]:
    """The keyword-only arguments of a method's class or function, in the order of its source.

    >>> from cartograd.core.card import Card
    >>> arguments(Card(name="", kind="", entry="unknown", title="", zh="",
    ...                module="cartograd.core.errors"))
    (Argument(name='hint', annotation='str', default="''"),)
    """
    for node in _tree(path_of(card)).body:
        if isinstance(node, ast.FunctionDef) and node.name == card.entry:
            return _keywords(node)
        if isinstance(node, ast.ClassDef) and node.name == card.entry:
            makers = (item for item in node.body if isinstance(item, ast.FunctionDef))
            maker = next((item for item in makers if item.name == "__init__"), None)
            return () if maker is None else _keywords(maker)
    raise AssertionError(f"{card.module} has no {card.entry} though its card names it")


def _keywords(function: ast.FunctionDef) -> tuple[Argument, ...]:
    return tuple(
        Argument(
            item.arg,
            "" if item.annotation is None else ast.unparse(item.annotation),
            None if default is None else ast.unparse(default),
        )
        for item, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    )
