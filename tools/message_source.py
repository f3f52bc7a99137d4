"""What the sources say to people, as templates: f-strings with places, found by reading the code.

A string is a message where it is handed to something that tells it (an error of the user's, a
line, a heading), and where it reads like prose: two words or more. Docstrings, cards, statements
with a Chinese of their own, and errors of ours (bugs) are none.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.message_places import Places, text_of
from tools.source import ROOT

SOURCE = ROOT / "src/cartograd"

TOLD = {
    "UsageError", "NonFiniteError", "LostError", "TooLongError", "TargetlessError",
    "LooksAtNumbersError", "NotSupported", "BatchError", "unknown", "no_such_path", "note", "notes",
    "lines", "table", "verdict", "print", "say", "said", "warn", "row", "Row", "Section", "Figure",
    "Table", "Tile", "Bar", "Sheet", "Group", "set_xlabel", "set_ylabel", "set_title",
}  # fmt: skip
"""Functions and classes whose words people see."""

UNSEEN = {
    "compile", "sub", "search", "fullmatch", "findall", "get", "pop", "startswith", "endswith",
    "split", "rsplit", "partition", "rpartition", "replace", "removeprefix", "removesuffix",
    "strip", "lstrip", "rstrip", "encode", "decode", "open", "import_module", "getattr", "setattr",
    "emit", "Literal", "cast", "TypeVar", "find_spec", "glob", "rglob", "register_buffer",
    "execute", "Claim", "Card", "Float", "Int", "Shaped", "Bool", "Integer", "Num", "get_template",
    "einsum", "ValueError", "TypeError", "KeyError", "RuntimeError", "AssertionError",
    "AttributeError", "NotImplementedError",
}  # fmt: skip
"""Functions whose words are for programs."""

HEADINGS = {"head", "heads", "columns", "right", "numbers", "names", "HEAD", "COLUMNS", "title"}
"""Variables that hold the headings of tables."""

MUTE = ("to_json", "__repr__", "_json")
"""Functions whose words are for programs."""

_WORD = re.compile(r"[A-Za-z][a-z]+")
_PROSE = re.compile(
    r"(?<![\w.-])[A-Za-z]?[a-z']+[,:;]? (?:\{\w+\}|[\w'\"`(-])|\} [a-z]{2}|[a-z] \{"
)
_CODE = re.compile(
    r"\\[dwsSb.(\[]|\(\?|^\s*[#.<]\S*\s*\{|^:root|^(SELECT|INSERT|CREATE)\b|^-[-\w]+$"
)
_UNIT = re.compile(r"\} \(?[a-z]{3,}(?:[,;:.){]|$| [a-z(])|^[a-z]{3,}:? \{\w+\}|\} [a-z]{4,} \{")
"""A word beside a place, `{n} examples`: of the rooms that speak to people it is one for them."""
_TAG = re.compile(
    r"</?(?:[abip]|[dot][dhlrt]|em|h\d|li|ul|br|pre|svg|img|path|code|span|div|small|strong|table|"
    r"caption|figure|figcaption|details|summary|polyline|!\w+)\b[^>]*>"
)


@dataclass(frozen=True)
class Message:
    """A template, where it stands, and what its places with few words can hold."""

    text: str
    file: str
    choices: tuple[str, ...] = ()


def room(file: str, /) -> str:
    """The part of the catalogue that a source file belongs to.

    >>> room("apps/cli/output.py"), room("core/build.py")
    ('apps-cli', 'core')
    """
    parts = file.removesuffix(".py").split("/")
    return "-".join(parts[:2]) if parts[0] == "apps" else parts[0]


def messages(path: Path, /) -> Iterator[Message]:
    """The messages of a source file, in its order."""
    file = path.relative_to(SOURCE).as_posix()
    yield from _Reader(file).of(ast.parse(path.read_text(encoding="utf-8")))


class _Reader:
    """Reads a file's messages.

    Args:
        file: its path in the package.
    """

    def __init__(self, file: str, /) -> None:
        self.file = file

    def of(self, node: ast.AST, told: bool = False) -> Iterator[Message]:
        """The messages of a piece of code; `told` where all of its words are seen."""
        if isinstance(node, ast.JoinedStr | ast.BinOp) or text_of(node) is not None:
            yield from self._string(node, told)
            return
        for child, seen in _children(node, told):
            yield from self.of(child, seen)

    def _string(self, node: ast.AST, told: bool) -> Iterator[Message]:
        places = Places()
        template = places.template(node)
        if template is None:
            for child in ast.iter_child_nodes(node):
                yield from self.of(child, told)
            return
        for piece in _TAG.split(template) if "<" in template else [template]:
            text = piece.strip()
            if _counts(text, told) or (self.file.startswith("apps/") and _UNIT.search(text)):
                yield Message(text, self.file, tuple(places.choices))
        for child in places.inner:
            yield from self.of(child, told)


def _children(node: ast.AST, told: bool) -> Iterator[tuple[ast.AST, bool]]:
    """The parts of a piece of code in which messages may stand."""
    if isinstance(node, ast.stmt):
        yield from ((one, one is getattr(node, "value", None) and _heads(node, told))
                    for one in _statement(node))  # fmt: skip
    elif isinstance(node, ast.Call):
        yield from _arguments(node, told)
    else:
        yield from _expression(node, told)


def _heads(node: ast.stmt, told: bool) -> bool:
    """Whether what a statement assigns is the heading of a table."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]):
            return told or name in HEADINGS
        case _:
            return told


def _statement(node: ast.stmt) -> Iterator[ast.AST]:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Assert() | ast.Import() | ast.ImportFrom():
            return
        case ast.Assign(targets=[ast.Name(id="CARD" | "PRESETS" | "CLAIM" | "__all__")]):
            return
        case ast.FunctionDef(name=name, args=args, body=body):
            if name not in MUTE:
                yield from (one for one in [*args.defaults, *args.kw_defaults, *body] if one)
        case ast.ClassDef(body=body):
            yield from body
        case ast.AnnAssign(value=value):
            yield from [value] if value is not None else []
        case _:
            yield from ast.iter_child_nodes(node)


def _expression(node: ast.AST, told: bool) -> Iterator[tuple[ast.AST, bool]]:
    match node:
        case ast.Compare():
            return
        case ast.Subscript(value=value):
            yield value, told
        case ast.Dict(keys=keys, values=values):
            yield from ((one, False) for one in keys if one)
            yield from ((one, told) for one in values)
        case ast.IfExp(test=test, body=first, orelse=second):
            yield from ((test, False), (first, told), (second, told))
        case ast.BoolOp() | ast.Tuple() | ast.List() | ast.Starred() | ast.UnaryOp():
            yield from ((one, told) for one in ast.iter_child_nodes(node))
        case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
            yield node.elt, told
            yield from ((one, False) for one in node.generators)
        case _:
            yield from ((one, False) for one in ast.iter_child_nodes(node))


def _arguments(node: ast.Call, told: bool) -> Iterator[tuple[ast.AST, bool]]:
    name = _called(node)
    receiver = getattr(node.func, "value", None)
    if name == "join" or name == "format":
        if name == "format" and receiver is not None:
            yield receiver, told
        yield from ((one, told) for one in node.args)
        return
    if name in UNSEEN:
        inner = node.args if isinstance(receiver, ast.Constant) else [*node.args, node.func]
        yield from ((one, False) for one in inner if text_of(one) is None)
        return
    seen = name in TOLD
    yield node.func, False
    shown = node.args[1:] if name == "Section" else node.args  # the first is its anchor
    yield from ((one, seen) for one in shown)
    for one in node.keywords:
        yield one.value, seen and one.arg not in ("right", "key", "file", "end", "anchor", "colour")
        # of `right`: names of columns that stand in the heading


def _called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _counts(text: str, told: bool) -> bool:
    """Whether a template has words for people."""
    bare = re.sub(r"\{\w+\}", "\0", text)
    if not _WORD.search(bare) or _CODE.search(bare) or not text:
        return False
    if told:
        words = bare.replace("\0", " ").split()
        plain = [one for one in words if re.fullmatch(r"[(\"'`]?[A-Za-z][a-z]+[)\"'`.,:;!?]*", one)]
        return bool(plain) and (len(words) > 1 or bool(re.fullmatch(r"[A-Za-z][a-z]+", words[0])))
    return bool(_PROSE.search(text)) and len(re.findall(r"[a-z]{2,}", bare)) >= 2
