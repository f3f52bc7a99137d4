"""Functions of a user's own in the place of a spec: an optimizer's factory, a loss, an objective.

No file can make them again. What they were is noted as a word with a digest of their code and of
the values that they hold; whoever goes on with a run gives them again, and another one is told
apart.
"""

import functools
import inspect
import types
from collections.abc import Iterator, Mapping
from typing import Any

from blake3 import blake3

from cartograd.core.errors import UsageError

NOTED = "own:"
"""What such a word begins with."""


def is_noted(value: Any, /) -> bool:
    """Whether a setting is the word that stands for a function in a file."""
    return isinstance(value, str) and value.startswith(NOTED)


def word(value: Any, /) -> str:
    """The word for a function: where it was written, and a digest of its code and values.

    >>> word(dict)
    'own:builtins.dict@4d0035994e19'
    """
    made: Any = value.func if isinstance(value, functools.partial) else value
    named = made if inspect.isroutine(made) or inspect.isclass(made) else type(made)
    hashed = blake3("\n".join(_lines(value)).encode())
    return f"{NOTED}{named.__module__}.{named.__qualname__}@{hashed.hexdigest()[:12]}"


def in_words(value: Any, /) -> Any:
    """A setting as a file has it: functions as their words, also where there is one for each."""
    if isinstance(value, Mapping):
        return {key: in_words(one) for key, one in value.items()}
    return word(value) if callable(value) else value


def check_given(values: Mapping[str, Any], file: Any, /) -> None:
    """Refuse settings of a file that stand for functions nobody has given again.

    Raises:
        UsageError: which, and how to give it.
    """
    for name, value in values.items():
        for one in value.values() if isinstance(value, Mapping) else (value,):
            if is_noted(one):
                told = one.removeprefix(NOTED).partition("@")[0]
                raise UsageError(
                    f"{file} was made with {name}={told}, code of its user's that no file holds; "
                    f"give the same again, in Python: cartograd.train(..., {name}=...)"
                )


def _lines(value: Any) -> Iterator[str]:
    """What tells a function, or an object that is called, from another."""
    if isinstance(value, functools.partial):
        for part in (value.func, *value.args, *value.keywords.values()):
            yield from _lines(part)
        yield str(sorted(value.keywords))
    elif isinstance(value, types.FunctionType):
        yield from _code(value.__code__)
        yield str(value.__defaults__)
        for cell in value.__closure__ or ():
            yield from _lines(cell.cell_contents)
    else:
        from cartograd.engine.loop.described import described  # torch, which settings do without

        yield from (f"{name}={text}" for name, text in described(value).items())


def _code(code: types.CodeType) -> Iterator[str]:
    """What a function does, and those within it."""
    yield code.co_code.hex()
    yield str(code.co_names)
    for one in code.co_consts:
        yield from _code(one) if inspect.iscode(one) else (repr(one),)
