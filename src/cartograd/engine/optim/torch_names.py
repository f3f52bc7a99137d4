"""Torch's optimizers and schedulers by the text of its sources, without importing it."""

import ast
import re
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from cartograd.core import known, registry, vocabulary
from cartograd.core.errors import UsageError, unknown
from cartograd.core.spec import Spec

RANGED = ("lr", "weight_decay", "momentum", "betas", "warmup")
"""Arguments whose range the vocabulary knows; torch checks the others itself."""

_EXPORTED = re.compile(r"^__all__ = \[(.*?)\]", re.MULTILINE | re.DOTALL)
_CLASS = re.compile(r"^from torch\.optim\.(\w+) import (\w+) as \w+$", re.MULTILINE)


@cache
def classes() -> dict[str, tuple[str, Path]]:
    """Torch's optimizers: by name in lower case, the class and its file.

    >>> classes()["adamw"][0]
    'AdamW'
    """
    return {
        name.lower(): (name, folder / f"{module}.py")
        for folder in _folders()
        for module, name in _CLASS.findall((folder / "__init__.py").read_text(encoding="utf-8"))
        if name != "Optimizer"
    }


@cache
def schedulers() -> tuple[str, ...]:
    """The names of torch's schedulers, and of the class that they are made of.

    >>> "StepLR" in schedulers()
    True
    """
    texts = [(folder / "lr_scheduler.py").read_text(encoding="utf-8") for folder in _folders()]
    lists = [found[1] for text in texts if (found := _EXPORTED.search(text)) is not None]
    return tuple(name for text in lists for name in re.findall(r'"(\w+)"', text))


def _folders() -> list[Path]:
    """Where torch's optimizers stand."""
    place = find_spec("torch")
    assert place is not None, "torch is a dependency"
    return [Path(folder) / "optim" for folder in place.submodule_search_locations or ()]


def word(name: str, choices: Mapping[str, str], what: str, /) -> str:
    """The key of the class of that name; underscores, hyphens and capitals do not matter.

    Args:
        name: as the user spells it.
        choices: names of classes by their keys.
        what: what they are, for the message.

    Raises:
        UsageError: there is none, with the nearest name.
    """
    plain = name.lower().replace("_", "").replace("-", "")
    for key, title in choices.items():
        if plain in (key.replace("_", ""), title.lower()):
            return key
    raise unknown(what, name, choices)


def check_optimizer(text: str | Spec, /) -> None:
    """Refuse what is no optimizer, torch's or our own.

    Raises:
        UsageError: unknown name or argument, or a value out of range.
    """
    spec = Spec.parse(text)
    for card, name in registry.lookup(spec.name, kind="optimizer"):
        spec = Spec(name, known.today(card, spec.args), spec.subject)
        if name not in classes():
            known.check(spec, kind="optimizer")
            return
    key = word(spec.name, {key: title for key, (title, _) in classes().items()}, "optimizer")
    check_names(spec, names_of(key))


def check_names(spec: Spec, allowed: list[str], /) -> None:
    """Refuse arguments that a class of torch does not have, and what is out of range.

    Raises:
        UsageError: which.
    """
    if spec.subject is not None:
        raise UsageError(f"{spec.name} takes key=value arguments only, not {spec.subject!r}")
    for key, value in spec.args.items():
        if key not in allowed:
            raise unknown(f"argument of {spec.name}", key, allowed)
        if key in RANGED:
            vocabulary.check(spec.name, key, value)


@cache
def names_of(key: str, /) -> list[str]:
    """The arguments of an optimizer of torch but the parameters that it steps."""
    name, file = classes()[key]
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            makers = (one for one in node.body if isinstance(one, ast.FunctionDef))
            maker = next(one for one in makers if one.name == "__init__")
            given = (*maker.args.posonlyargs, *maker.args.args, *maker.args.kwonlyargs)
            return [one.arg for one in given if one.arg not in ("self", "params")]
    raise AssertionError(f"{file} has no {name}")
