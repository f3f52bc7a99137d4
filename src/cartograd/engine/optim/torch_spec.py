"""Specs of torch's own classes: names, arguments and their checks."""

import inspect
from collections.abc import Iterable
from typing import Any

from torch import Tensor

from cartograd.core import vocabulary
from cartograd.core.errors import UsageError, unknown
from cartograd.core.spec import Spec
from cartograd.engine.optim.torch_names import RANGED, word


def find(name: str, choices: dict[str, Any], what: str, /) -> Any:
    """The class of that name; underscores, hyphens and capitals do not matter.

    Raises:
        UsageError: there is none, with the nearest name.
    """
    return choices[word(name, {key: one.__name__ for key, one in choices.items()}, what)]


def arguments(make: type, /, *, without: Iterable[str] = ()) -> dict[str, inspect.Parameter]:
    """The arguments of a class that a spec may set."""
    parameters = inspect.signature(make).parameters
    return {name: item for name, item in parameters.items() if name not in without}


def check(spec: Spec, allowed: dict[str, inspect.Parameter], /) -> None:
    """Refuse a spec with an unknown argument, or with a value of the wrong type or range.

    Raises:
        UsageError: which argument, and what was expected.
    """
    if spec.subject is not None:
        raise UsageError(f"{spec.name} takes key=value arguments only, not {spec.subject!r}")
    for key, value in spec.args.items():
        if key not in allowed:
            raise unknown(f"argument of {spec.name}", key, allowed)
        _check_type(spec.name, key, value, allowed[key].default)
        if key in RANGED:
            vocabulary.check(spec.name, key, value)


def check_complete(name: str, args: dict[str, Any], allowed: dict[str, inspect.Parameter]) -> None:
    """Refuse arguments that lack a required one.

    Raises:
        UsageError: which are missing.
    """
    empty = inspect.Parameter.empty
    missing = [key for key, item in allowed.items() if item.default is empty and key not in args]
    if missing:
        raise UsageError(f"{name} needs {', '.join(missing)}: {name}:{missing[0]}=...")


def _check_type(name: str, key: str, value: Any, default: Any) -> None:
    if isinstance(value, Tensor) or default is inspect.Parameter.empty:
        return
    if isinstance(default, bool):
        right, expected = isinstance(value, bool), "true or false"
    elif isinstance(default, int | float):
        numbers = value if isinstance(value, tuple | list) else (value,)
        right, expected = all(_is_number(number) for number in numbers), "a number"
    elif isinstance(default, tuple):
        right = isinstance(value, tuple | list) and len(value) == len(default)
        expected = f"{len(default)} values, like {list(default)}"
    else:
        return
    if not right:
        raise UsageError(f"{name}: {key}={value!r} is of the wrong type; expected {expected}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def make(make: Any, target: Any, args: dict[str, Any], spec: Spec, /) -> Any:
    """Call torch, and turn its refusal into a line for the user.

    Raises:
        UsageError: torch refuses the arguments.
    """
    try:
        return make(target, **args)
    except (RuntimeError, ValueError, TypeError) as error:
        raise UsageError(f"torch refuses {spec}: {error}") from error
