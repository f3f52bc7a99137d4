"""A quicker way to the same verdicts of the shape-checking hook.

The hook wraps every function in jaxtyping's decorator, which binds the arguments, opens a scope
for the letters of shapes, and asks the type checker twice: before the call and after it. Where a
function's annotations name no shape nothing is ever written into that scope, and the type checker
alone decides the same, at a fifth of the time.
"""

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any, get_args

import jaxtyping

_with_shapes = jaxtyping.jaxtyped


def names_shapes(annotation: Any) -> bool:
    """Whether there is a shape anywhere in an annotation; text counts, as it is not read here."""
    if isinstance(annotation, list | tuple):  # the arguments of a Callable
        return any(map(names_shapes, annotation))
    if isinstance(annotation, str):
        return True
    if isinstance(annotation, type) and issubclass(annotation, jaxtyping.AbstractArray):
        return True
    return any(map(names_shapes, get_args(annotation)))


def checked(fn: Any = None, *, typechecker: Callable[[Any], Any]) -> Any:
    """Put in the place of `jaxtyping.jaxtyped`, which stays for functions that name shapes."""
    if fn is None:
        return functools.partial(checked, typechecker=typechecker)
    if isinstance(fn, FunctionType) and not any(map(names_shapes, fn.__annotations__.values())):
        return typechecker(fn)
    return _with_shapes(fn, typechecker=typechecker)


def install() -> None:
    """Before the package is imported; without the hook nobody asks for it."""
    jaxtyping.jaxtyped = checked
