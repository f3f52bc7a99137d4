"""What a method's file says about it, read without running it: signature and docstring."""

import ast
import re
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
        means: what the method's docstring says of it.
    """

    name: str
    annotation: str
    default: str | None
    means: str = ""


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


def summary(card: Card, /) -> str:
    """The first sentence of that docstring, in one line.

    >>> from cartograd.core.registry import find
    >>> summary(find("mlp", kind="model")[0])
    'Multilayer perceptron: layers of neurons, each seeing all of the layer before.'
    """
    return " ".join(docstring(card).partition("\n\n")[0].split())


def arguments(card: Card, /) -> tuple[Argument, ...]:
    """The keyword-only arguments of a method's class or function, in the order of its source.

    >>> from cartograd.core.card import Card
    >>> arguments(Card(name="", kind="", entry="unknown", title="", zh="",
    ...                module="cartograd.core.errors"))[0]
    Argument(name='hint', annotation='str', default="''", means='')
    """
    return _arguments(path_of(card), card.entry)


def subjects(card: Card, /) -> tuple[tuple[str, bool], ...]:
    """The positional-only arguments of a method's function: what it acts on, and if that must be.

    >>> from cartograd.core.registry import find
    >>> subjects(find("csv", kind="data")[0]), subjects(find("digits", kind="data")[0])
    ((('path', True),), ())
    """
    maker, _ = _maker(path_of(card), card.entry)
    if maker is None:
        return ()
    given = maker.args.posonlyargs[1:] if maker.name == "__init__" else maker.args.posonlyargs
    free = len(given) - len(maker.args.defaults)
    return tuple((item.arg, place < free) for place, item in enumerate(given))


@cache
def _arguments(path: Path, entry: str) -> tuple[Argument, ...]:
    maker, explained = _maker(path, entry)
    return () if maker is None else _keywords(maker, explained)


@cache
def _maker(path: Path, entry: str) -> tuple[ast.FunctionDef | None, dict[str, str]]:
    """The function that a card names, or the `__init__` of its class, and what it says of each."""
    for node in _tree(path).body:
        if isinstance(node, ast.FunctionDef) and node.name == entry:
            return node, _explained(node)
        if isinstance(node, ast.ClassDef) and node.name == entry:
            makers = (item for item in node.body if isinstance(item, ast.FunctionDef))
            maker = next((item for item in makers if item.name == "__init__"), None)
            return maker, _explained(node) | ({} if maker is None else _explained(maker))
    raise AssertionError(f"{path} has no {entry} though its card names it")


def explanation(card: Card, name: str, /) -> str:
    """What a method's docstring says of one of its arguments."""
    return next((item.means for item in arguments(card) if item.name == name), "")


def _keywords(function: ast.FunctionDef, means: dict[str, str]) -> tuple[Argument, ...]:
    return tuple(
        Argument(
            item.arg,
            "" if item.annotation is None else ast.unparse(item.annotation),
            None if default is None else ast.unparse(default),
            means.get(item.arg, ""),
        )
        for item, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    )


_SECTION = re.compile(r"^Args:\n((?:(?: .*)?\n|(?: .*)$)*)", re.MULTILINE)
_ITEM = re.compile(r"^    (\w[\w, *]*): (.*(?:\n     .*)*)", re.MULTILINE)


def _explained(node: ast.FunctionDef | ast.ClassDef) -> dict[str, str]:
    """The `Args:` of a docstring; several arguments may share a line: `low, high: ...`."""
    section = _SECTION.search((ast.get_docstring(node) or "") + "\n")
    return {
        name.strip().lstrip("*"): " ".join(text.split())
        for names, text in (_ITEM.findall(section[1]) if section else ())
        for name in names.split(",")
    }
