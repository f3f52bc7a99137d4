"""Whether a value is of an annotated type: of an argument, or of a document's field."""

import sys
import types
import typing
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Literal, Union

from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec


def finite(value: Any, /) -> bool:
    """Whether it is a number that a float can hold: 10^400 is none.

    >>> finite(3), finite(float("nan")), finite(10**400), finite(True)
    (True, False, False, False)
    """
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def fits(value: Any, annotation: Any, /) -> bool:
    """Whether a value is of an annotated type; an int fits a float, a list fits a tuple.

    >>> fits(3, float), fits(3.5, int), fits((64, 32), tuple[int, ...]), fits(None, int | None)
    (True, False, True, True)
    """
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, types.UnionType):
        return any(fits(value, option) for option in inner)
    if origin is Literal:
        return value in inner
    if origin is Callable:  # or what becomes one: a spec, or its text
        plain = int | float | tuple | list | dict | types.NoneType
        return callable(value) or not isinstance(value, plain)
    if origin in (tuple, list):
        return _items_fit(value, origin, inner)
    if origin is dict:
        return isinstance(value, dict)
    if annotation is float:
        return isinstance(value, float) or finite(value)
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if annotation in (str, bool, types.NoneType, Spec):
        return isinstance(value, annotation)
    if annotation is None:
        return value is None
    return True  # tensors, modules and callables: the method itself knows


def choices(annotation: Any, /) -> tuple[str, ...]:
    """The words that an annotation allows, if it is a choice of words or that among others.

    >>> choices(Literal["l1", "l2"] | None), choices(int | None)
    (('l1', 'l2', 'none'), ())
    """
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return tuple(map(str, inner))
    if origin not in (Union, types.UnionType):
        return ()
    found = tuple(word for option in inner for word in choices(option))
    rest = [option for option in inner if typing.get_origin(option) is not Literal]
    names = ("none" if option is types.NoneType else named(option) for option in rest)
    return (*found, *names) if found else ()


def named(annotation: Any, /) -> str:
    """What an annotated type is called.

    >>> named(int), named(int | None)
    ('int', 'int | None')
    """
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def _items_fit(value: Any, origin: Any, inner: tuple[Any, ...]) -> bool:
    """Whether all items of a list or tuple are of its type."""
    if not isinstance(value, tuple | list):
        return False
    if origin is list or (len(inner) == 2 and inner[1] is Ellipsis):
        return all(fits(item, inner[0]) for item in value)
    return len(inner) == len(value) and all(map(fits, value, inner))


def check_fields(made: Any, what: str, /) -> None:
    """Refuse an object of a dataclass with a field of another type than is annotated.

    Raises:
        UsageError: the first such field.
    """
    hints = typing.get_type_hints(type(made))
    for item in fields(made):
        value = getattr(made, item.name)
        if not fits(value, hints[item.name]):
            raise UsageError(f"{what}: {item.name}={value!r} is of the wrong type")
