"""A model of a user's own code, named for one command: `--model package.module:make`.

What was trained with it notes the name, and whoever reads it has to name the code again: files
never cause code to be imported.
"""

import importlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from cartograd.core import packages
from cartograd.core.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
"""A module and something in it."""

WITHOUT = "no onnx"
"""Under what a bundle notes why it keeps no ONNX file of a module that cannot be built by name."""

_NAMED: list[str] = []
_MADE: "WeakKeyDictionary[nn.Module, str]" = WeakKeyDictionary()


@contextmanager
def naming(name: str | None, /) -> Iterator[None]:
    """The code that models are made of while the block lasts, where nothing else makes them.

    Raises:
        UsageError: it is no name of code.
    """
    if name is None:
        yield
        return
    if not NAME.fullmatch(name):
        raise UsageError(
            f"--model {name} names no code; expected MODULE:NAME, like my_package.nets:make, where "
            "NAME is an nn.Module or something that makes one when it is called"
        )
    _NAMED.append(name)
    try:
        yield
    finally:
        _NAMED.pop()


def named() -> str | None:
    """The code that the user has named, if any."""
    return _NAMED[-1] if _NAMED else None


def made_by(model: "nn.Module", /) -> str | None:
    """The name of the code that made a model, where it was named."""
    return _MADE.get(model)


def noted(model: "nn.Module", /) -> dict[str, str]:
    """What a bundle notes of the code that made a model."""
    name = made_by(model)
    return {} if name is None else {"code": name}


def make() -> "nn.Module":
    """A model of the code that the user has named.

    Raises:
        UsageError: the module or the name is not there, it cannot be called without arguments, or
            gives no `nn.Module`.
    """
    from torch import nn

    name = named()
    assert name is not None
    module, _, attribute = name.partition(":")
    try:
        thing: Any = importlib.import_module(module)
        for part in attribute.split("."):
            thing = getattr(thing, part)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"--model {name}: {error}; expected a module of this folder or an installed one, and "
            "a name in it"
        ) from error
    model = thing if isinstance(thing, nn.Module) else _called(name, thing)
    if not isinstance(model, nn.Module):
        raise UsageError(f"--model {name} is {type(model).__name__}; expected an nn.Module")
    _MADE[model] = name
    return model


def check_function(name: str, what: str, /) -> None:
    """Refuse code of a package that the user has not named by `--import`; imports nothing.

    Args:
        name: `module:function`.
        what: what it is for, as messages say it: `reward=...`.

    Raises:
        UsageError: the package was not named.
    """
    module = name.partition(":")[0]
    if not any(package.holds(module) for package in packages.others()):
        raise UsageError(
            f"{what} is code; give --import {module} if you trust it (in Python the function "
            "itself)"
        )


def function(name: str, what: str, /) -> Any:
    """A function of a package that the user has named by `--import`.

    Args:
        name: `module:function`.
        what: what it is for, as messages say it: `reward=...`.

    Raises:
        UsageError: the package was not named, or has no such function.
    """
    check_function(name, what)
    module, _, attribute = name.partition(":")
    try:
        thing: Any = importlib.import_module(module)
        for part in attribute.split("."):
            thing = getattr(thing, part)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"{what} is not there: {error}") from error
    if not callable(thing):
        raise UsageError(f"{what} is {type(thing).__name__}; expected a function")
    return thing


def _called(name: str, thing: Any) -> Any:
    if not callable(thing):
        return thing
    try:
        return thing()
    except TypeError as error:
        raise UsageError(
            f"--model {name} cannot be called without arguments: {error}; name a function that "
            "takes none"
        ) from error


def required(owner: object, about: Mapping[str, Any], /) -> "nn.Module":
    """A model to fill with weights that were made with code of a user's.

    Args:
        owner: of the weights.
        about: what is noted of them: the code's name, and why there is no ONNX file.

    Raises:
        UsageError: nobody has named the code in this command.
    """
    if named() is not None:
        return make()
    name, why = about.get("code"), about.get(WITHOUT)
    known = isinstance(name, str) and bool(NAME.fullmatch(name))
    flag = name if known else "MODULE:NAME"
    told = "where that code is, cartograd export writes a file that runs without it"
    if isinstance(why, str):
        told = f"there is no ONNX file beside them: {why}"
    raise UsageError(
        f"{owner} holds the weights of a module that is not Cartograd's; give the module to fill: "
        f"load(path, model=MyModel()), or in a command --model {flag} if you trust that code "
        f"({told})"
    )
