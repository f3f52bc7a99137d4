"""A quicker way to the same verdicts of the shape-checking hook.

The hook wraps every function in jaxtyping's decorator, which binds the arguments, opens a scope
for the letters of shapes, and asks the type checker twice: before the call, and after it for the
arguments again and the answer. It could not do better for every type checker. Ours checks the
arguments before it calls the function and the answer after, so that one scope around it is enough;
and where a function's annotations name no shape nothing is ever written into that scope, so that
the type checker alone decides the same.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any, get_args

import jaxtyping
from beartype.roar import BeartypeCallHintViolation
from jaxtyping._storage import pop_shape_memo, push_shape_memo, shape_str

_with_shapes = jaxtyping.jaxtyped


def leaves(annotation: Any) -> Iterator[Any]:
    """What an annotation is made of: types, and text, which is not read here."""
    if isinstance(annotation, list | tuple):  # the arguments of a Callable
        parts = annotation
    else:
        parts = () if is_shape(annotation) else get_args(annotation)
    if not parts:
        yield annotation
    for part in parts:
        yield from leaves(part)


def is_shape(annotation: Any) -> bool:
    """Whether it is one of jaxtyping's."""
    return isinstance(annotation, type) and issubclass(annotation, jaxtyping.AbstractArray)


def names_shapes(annotation: Any) -> bool:
    """Whether there is a shape anywhere in an annotation; text counts as one."""
    return any(is_shape(leaf) or isinstance(leaf, str) for leaf in leaves(annotation))


def by_letters(annotation: Any) -> bool:
    """Whether its shapes are told by letters and numbers alone, not by other arguments' values."""
    return not any(isinstance(leaf, str) or "{" in getattr(leaf, "dim_str", "")
                   for leaf in leaves(annotation))  # fmt: skip


def own(error: Exception) -> bool:
    """Whether the check that was called has found it, and not one further inside."""
    called = error.__traceback__ and error.__traceback__.tb_next
    return called is not None and called.tb_next is None


def scoped(fn: FunctionType, typechecker: Callable[[Any], Any]) -> Any:
    """A function in a scope of its own for the letters of shapes."""
    typed, signature = typechecker(fn), inspect.signature(fn)

    @functools.wraps(fn)
    def within(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        letters = push_shape_memo({})
        try:
            return typed(*args, **kwargs)
        except BeartypeCallHintViolation as error:
            if not own(error):
                raise
            signature.bind(*args, **kwargs)  # a missing argument is told before a wrong one
            raise jaxtyping.TypeCheckError(f"{error}\n{shape_str(letters)}") from error
        finally:
            pop_shape_memo()

    return within


def checked(fn: Any = None, *, typechecker: Callable[[Any], Any]) -> Any:
    """Put in the place of `jaxtyping.jaxtyped`, which stays for what is not a plain function."""
    if fn is None:
        return functools.partial(checked, typechecker=typechecker)
    if isinstance(fn, FunctionType):
        annotations = fn.__annotations__.values()
        if not any(map(names_shapes, annotations)):
            return typechecker(fn)
        if all(map(by_letters, annotations)) and not inspect.isgeneratorfunction(fn):
            return scoped(fn, typechecker)
    return _with_shapes(fn, typechecker=typechecker)


def install() -> None:
    """Before the package is imported; without the hook nobody asks for it."""
    jaxtyping.jaxtyped = checked
