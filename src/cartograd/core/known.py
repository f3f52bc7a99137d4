"""Whether a spec can be meant: its name, arguments, types and ranges, by the text of the sources.

No method is imported, nor torch: a command refuses a slip before it loads anything. `build` asks
the same functions again, with the signature of what it has imported.
"""

import ast
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal

from cartograd.core import registry, source, vocabulary
from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.fits import choices, fits, named
from cartograd.core.spec import Spec

READS = ("data", "weights")
"""Kinds that read files, whose specs may have a subject: a path."""

HINTED = 3
"""Methods that are named which do have an unknown argument."""

_TYPES: dict[str, Any] = {
    "int": int, "float": float, "str": str, "bool": bool, "None": types.NoneType, "Any": Any,
    "tuple": tuple, "list": list, "dict": dict, "Literal": Literal, "Spec": Spec,
    "Callable": Callable, "Mapping": Mapping, "Sequence": Sequence, "Iterable": Iterable,
}  # fmt: skip
"""What annotations of arguments are made of."""


def check(spec: str | Spec, /, *, kind: str | None = None) -> tuple[Card, Spec]:
    """The card of a spec and its spec with the preset's arguments, all that is given checked.

    Args:
        spec: of any method.
        kind: the kind expected.

    Raises:
        UsageError: unknown name or argument, wrong type, or a value outside of its range, in it or
            in a spec within it.
    """
    spec = Spec.parse(spec)
    card, preset = registry.find(spec.name, kind=kind)
    check_subject(card, spec)
    allowed = {item.name: item for item in source.arguments(card)}
    given = today(card, spec.args)
    check_names(card, given, list(allowed))
    full = preset | given
    for key, value in full.items():
        check_value(card, key, value, annotation(allowed[key].annotation))
        if isinstance(value, Spec) and "Spec" not in allowed[key].annotation:
            check(value)
    return card, Spec(card.name, full, spec.subject)


def today(card: Card, args: dict[str, Any], /) -> dict[str, Any]:
    """A method's arguments under the names that they have today; `renamed` knows the older ones.

    Raises:
        UsageError: an argument is given under both names.
    """
    twice = [(old, new) for old, new in card.renamed.items() if old in args and new in args]
    if twice:
        old, new = twice[0]
        raise UsageError(f"{card.name}: {old} is the older name of {new}; give {new} alone")
    return {card.renamed.get(key, key): value for key, value in args.items()}


def check_subject(card: Card, spec: Spec, /) -> None:
    """Only what reads files (data, published weights) has a subject: their path.

    Raises:
        UsageError: another method has one.
    """
    if spec.subject is not None and (card.kind not in READS or not source.subjects(card)):
        raise UsageError(f"{card.name} takes key=value arguments only, not {spec.subject!r}")


def check_names(card: Card, given: Iterable[str], allowed: list[str], /) -> None:
    """Refuse arguments that a method does not have.

    Args:
        card: of the method.
        given: names of arguments, as they are today.
        allowed: those of its signature.

    Raises:
        UsageError: the first of them, with the nearest one here and the methods that do have it.
    """
    for key in given:
        if key not in allowed:
            having = [card.name for card in islice(_having(key), HINTED)]
            hint = f"({key!r} belongs to {', '.join(having)})" if having else ""
            raise unknown(f"argument of {card.name}", key, allowed, hint=hint)


def _having(key: str) -> Iterator[Card]:
    """The methods that have an argument of this name; only files that annotate it are parsed."""
    annotated = f"{key}:".encode()
    for card in registry.cards().values():
        if annotated in source.path_of(card).read_bytes() and any(
            item.name == key for item in source.arguments(card)
        ):
            yield card


def check_value(card: Card, key: str, value: Any, expected: Any, /) -> None:
    """Type by the signature's annotation (None where that is not known), range by the vocabulary.

    Raises:
        UsageError: the value is of another type, no such word, or out of range.
    """
    means = source.explanation(card, key)
    if expected is not None and not fits(value, expected):
        words = choices(expected)
        also = f" ({vocabulary.sense(key, means)})" if means else ""
        if words and isinstance(value, str):
            raise UsageError(f"{card.name}: {unknown(key, value, words, every=True)}")
        if type(value) is int and words and all(word.isdigit() for word in words):
            raise UsageError(
                f"{card.name}: {key}={value} is out of range; expected one of {', '.join(words)}"
                f"{also}"
            )
        one = f"one of {', '.join(words)}" if words else named(expected)
        raise UsageError(f"{card.name}: {key}={value!r} is of the wrong type; expected {one}{also}")
    vocabulary.check(card.name, key, value, means=means)


def annotation(text: str, /) -> Any:
    """The type that an annotation spells, or None where it is made of other names than usual.

    >>> annotation("int | None"), annotation("Literal['l1', 'l2']"), annotation("Tensor | None")
    (int | None, typing.Literal['l1', 'l2'], None)
    """
    try:
        return _made(ast.parse(text, mode="eval").body)
    except (KeyError, SyntaxError, TypeError):
        return None


def _made(node: ast.expr) -> Any:
    """A type of a syntax tree; nothing in the text is run.

    Raises:
        KeyError: something else stands there than a usual type.
    """
    if isinstance(node, ast.Name):
        return _TYPES[node.id]
    if isinstance(node, ast.Constant):
        return _TYPES["None"] if node.value is None else node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _made(node.left) | _made(node.right)
    if isinstance(node, ast.Subscript):
        inner: Any = _made(node.slice)
        return _made(node.value)[inner]
    if isinstance(node, ast.Tuple):
        return tuple(map(_made, node.elts))
    if isinstance(node, ast.List):
        return list(map(_made, node.elts))
    return _TYPES[type(node).__name__]  # of none of these
