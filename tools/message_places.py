"""A string of the sources as a template: what stands in its places has a name."""

import ast
import re

_LETTER = re.compile(r"_*s?\d*_*")
"""Names that would look like the place of an ending."""
_ENDING = re.compile(r"\w{0,5}")


def text_of(node: ast.AST, /) -> str | None:
    """A plain string's value."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


class Places:
    """Names the places of a template by what stands in them."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.inner: list[ast.AST] = []
        self.choices: list[str] = []

    def template(self, node: ast.AST, /) -> str | None:
        """A string, an f-string or a sum of them as a template; nothing where it is none."""
        text = text_of(node)
        if text is not None:
            return _formatted(text)
        if isinstance(node, ast.JoinedStr):
            return "".join(self._part(one) for one in node.values)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            sides = [node.left, node.right]
            if not any(_is_text(one) for one in sides):
                return None
            return "".join(self._side(one) for one in sides)
        return None

    def _side(self, node: ast.AST) -> str:
        found = self.template(node)
        return self._place(node, ast.unparse(node)) if found is None else found

    def _part(self, node: ast.AST) -> str:
        if isinstance(node, ast.FormattedValue):
            return self._place(node.value, ast.unparse(node))
        return self.template(node) or ""

    def _place(self, node: ast.AST, key: str) -> str:
        if key not in self.names:
            few = _choices(node)
            self.inner += [] if few is not None else [node]
            base = "s" if few is not None else _name(node)
            name, number = base, 2
            while name in self.names.values():
                name, number = f"{base}{number}", number + 1
            self.names[key] = name
            if few is not None:
                self.choices.append(f"{{{name}}}: {' | '.join(map(repr, few))}")
        return f"{{{self.names[key]}}}"


def _formatted(text: str) -> str:
    """A plain string as a template: what `format` will fill in are places, other braces are not.

    >>> _formatted("{} of {n:.3g} in {'a': 1}")
    "{x1} of {n} in {{'a': 1}}"
    """
    pieces = re.split(r"\{(\w*)(?:![rs])?(?::[^{}]*)?\}", text)
    kept = [piece.replace("{", "{{").replace("}", "}}") for piece in pieces[::2]]
    names = [f"{{{name or f'x{at}'}}}" for at, name in enumerate(pieces[1::2], start=1)]
    return "".join(part for pair in zip(kept, [*names, ""], strict=True) for part in pair)


def _is_text(node: ast.AST) -> bool:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _is_text(node.left) or _is_text(node.right)
    return isinstance(node, ast.JoinedStr) or text_of(node) is not None


def _choices(node: ast.AST) -> list[str] | None:
    """What a place for an ending can hold: `example{'s' if n > 1 else ''}`, `{'is' if ...}`."""
    if isinstance(node, ast.IfExp):
        found = [text_of(node.body), text_of(node.orelse)]
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        found = [text_of(node.left), ""]
    else:
        return None
    known = [one for one in found if one is not None]
    return known if len(known) == 2 and all(map(_ENDING.fullmatch, known)) else None


def _name(node: ast.AST) -> str:
    """A word for what stands in a place."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return "it" if _LETTER.fullmatch(name) else name.strip("_")
        case ast.Call(func=ast.Name(id="len"), args=[one]):
            return f"number_of_{_name(one)}"
        case ast.Call(args=[one, *_]) if not isinstance(one, ast.Constant | ast.Starred):
            return _name(one)
        case ast.Call(func=func):
            return _name(func)
        case ast.Subscript(value=value) | ast.Starred(value=value) | ast.Await(value=value):
            return _name(value)
        case ast.GeneratorExp(elt=one) | ast.ListComp(elt=one) | ast.FormattedValue(value=one):
            return _name(one)
        case ast.BinOp(left=left, right=right):
            return _name(right if isinstance(left, ast.Constant) else left)
        case ast.IfExp(body=one):
            return _name(one)
        case _:
            return "it"
