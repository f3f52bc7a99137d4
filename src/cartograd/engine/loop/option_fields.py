"""What is read off a dataclass of options: checks, a JSON schema, signatures and help."""

import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, fields
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from cartograd.core import vocabulary
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec

F = TypeVar("F", bound=Callable[..., Any])

ALIASES = {"optimizers": "optimizer", "schedules": "schedule"}
"""Earlier names, which run files, checkpoints and callers may still use."""


def option(default: Any, doc: str, /, *, expected: str = "") -> Any:
    """A field: its default, what it means, and in words what its type is."""
    return field(default=default, metadata={"doc": doc, "expected": expected})


def canonical(given: Mapping[str, Any], /) -> dict[str, Any]:
    """The same values under the present names of their options.

    Raises:
        UsageError: one is given under both of its names.
    """
    for old, new in ALIASES.items():
        if old in given and new in given:
            raise UsageError(f"{new} is given twice: {old}= is its earlier name")
    return {ALIASES.get(name, name): value for name, value in given.items()}


@cache
def hints(kind: type, /) -> dict[str, Any]:
    """The types of a dataclass' fields."""
    return get_type_hints(kind)


@cache
def names(kind: Any, /) -> tuple[str, ...]:
    """The names of a dataclass' fields."""
    return tuple(item.name for item in fields(kind))


def docs(kind: Any, /) -> dict[str, str]:
    """What each field of a dataclass of options means."""
    return {item.name: item.metadata["doc"] for item in fields(kind)}


def check(kind: Any, name: str, value: Any, owner: str = "", /) -> None:
    """Refuse a value of the wrong type for a field, or a number outside of its word's range.

    Raises:
        UsageError: which, and what was expected.
    """
    hint = hints(kind)[name]
    if not matches(value, hint):
        told = kind.__dataclass_fields__[name].metadata["expected"] or _expected(hint)
        raise UsageError(f"{owner}{name}={value!r} is of the wrong type; expected {told}")
    if isinstance(value, int | float):
        vocabulary.check(owner.rstrip(": ") or "train", name, value)


def matches(value: Any, hint: Any, /) -> bool:
    """Whether a value has a type; truth values are no numbers, whole numbers are numbers."""
    if hint is Any:
        return True
    if hint is None or hint is type(None):
        return value is None
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (types.UnionType, Union):
        return any(matches(value, one) for one in inner)
    if origin is Callable:
        return callable(value)
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(matches(x, inner[1]) for x in value.values())
    if origin is not None:
        items = value if isinstance(value, list | tuple) else None
        return items is not None and all(matches(item, inner[0]) for item in items)
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, int | float if hint is float else hint)


def _expected(hint: Any) -> str:
    kinds = set(get_args(hint) or (hint,)) - {type(None)}
    if Spec in kinds:
        return "a spec"
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    return words[next(iter(kinds))]


def json_schema(kind: Any, /, *others: Any) -> dict[str, Any]:
    """The JSON schema of one or several dataclasses of options in one file."""
    properties = {
        item.name: _schema(item.name, hints(one)[item.name])
        | {"description": item.metadata["doc"].replace("`", "")}
        | ({"default": item.default} if isinstance(item.default, bool | int | float | str) else {})
        for one in (kind, *others)
        for item in fields(one)
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


_PLAIN = {bool: "boolean", int: "integer", float: "number", str: "string", Spec: "string"}


def _schema(name: str, hint: Any) -> dict[str, Any]:
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return {}
    if origin in (types.UnionType, Union):
        of_files = [x for x in inner if x is not type(None) and get_origin(x) is not Callable]
        made = [_schema(name, one) for one in of_files]
        unique = [one for place, one in enumerate(made) if one not in made[:place]]
        return unique[0] if len(unique) == 1 else {"anyOf": unique}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _schema(name, inner[1])}
    if origin is not None:
        return {"type": "array", "items": _schema(name, inner[0])}
    found: dict[str, Any] = {"type": _PLAIN[hint]}
    if hint in (int, float):
        words = {"min": "minimum", "max": "maximum", "above": "exclusiveMinimum",
                 "below": "exclusiveMaximum"}  # fmt: skip
        own = vocabulary.words().get(name, {})
        found |= {new: own[old] for old, new in words.items() if old in own}
    return found


def takes_options(
    *kinds: Any, without: Sequence[str] = (), chosen: Sequence[str] = ()
) -> Callable[[F], F]:
    """Give a function with `**fields` the names of options and their documentation.

    The line `**fields: ...` of its docstring becomes an entry for each, and `inspect.signature`
    (so help and notebooks) shows each with its default.

    Args:
        *kinds: dataclasses of options.
        without: fields that are no keywords.
        chosen: fields that are chosen by the function where they are None, which is its default.
    """

    def given(function: F) -> F:
        signature = inspect.signature(function)
        items = [x for kind in kinds for x in fields(kind) if x.name not in without]
        shown = [
            inspect.Parameter(
                item.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None if item.name in chosen else item.default,
                annotation=item.type,
            )
            for item in items
        ]
        kept = [x for x in signature.parameters.values() if x.kind is not x.VAR_KEYWORD]
        told = cast(Any, function)
        told.__signature__ = signature.replace(parameters=[*kept, *shown])
        text = "\n".join(f"        {item.name}: {item.metadata['doc']}" for item in items)
        lines = (function.__doc__ or "").split("\n")
        told.__doc__ = "\n".join(
            text if line.strip().startswith("**fields:") else line for line in lines
        )
        return function

    return given
