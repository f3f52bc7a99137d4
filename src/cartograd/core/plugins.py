"""Methods of a user's own package: named, found by their cards, and noted where they were used.

    cartograd train my-net --data digits --import my_package
    cartograd.use("my_package")

What was made with such a method notes the package by its name. Whoever reads it has to name the
package again: files never cause code to be imported.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cartograd.core import packages, registry
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec


def use(*names: str) -> None:
    """Look for methods in these packages or modules, too, from now on.

    Their cards are read as text; a module is imported when one of its methods is used.

    Args:
        *names: dotted names, like `my_package.methods`.

    Raises:
        UsageError: there is no such module, a card in it cannot be read, or a method's name is
            another one's already.
    """
    before = dict(packages.named)
    try:
        for name in names:
            packages.named[name] = packages.located(name)
        registry.forget()
        registry.cards()
    except UsageError:
        _back_to(before)
        raise


@contextmanager
def using(names: Iterable[str], /) -> Iterator[None]:
    """The same for a while.

    Raises:
        UsageError: as `use`.
    """
    before = dict(packages.named)
    names = tuple(names)
    if names:
        use(*names)
    try:
        yield
    finally:
        if packages.named != before:
            _back_to(before)


def used() -> tuple[str, ...]:
    """The packages that were named, to be passed to child processes."""
    return tuple(packages.named)


def needed(*values: Any) -> list[str]:
    """The packages besides our own whose methods these specs (or texts of specs) name."""
    owners = {}
    for card in registry.cards().values() if packages.others() else ():
        package = packages.home(card.module)
        if package is not None:
            owners |= {_alike(name): package.name for name in (card.name, *card.presets)}
    names = {_alike(name) for value in values for name in _names(value)} if owners else set()
    return sorted({owners[name] for name in names & set(owners)})


def require(names: Iterable[Any], owner: Any, /) -> None:
    """Refuse to go on without the packages that something was made with.

    Args:
        names: of the packages, as they were noted.
        owner: what was made with them, for the message.

    Raises:
        UsageError: one is not there.
    """
    names = [name for name in names if isinstance(name, str) and packages.is_dotted(name)]
    there = packages.others()
    missing = [name for name in names if not any(package.holds(name) for package in there)]
    if missing:
        flags = " ".join(f"--import {name}" for name in missing)
        words = ", ".join(f'"{name}"' for name in missing)
        raise UsageError(
            f"{owner} was made with methods of {', '.join(missing)}; give {flags} if you trust "
            f"that code (in Python: cartograd.use({words}))"
        )


def _back_to(before: dict[str, packages.Package]) -> None:
    packages.named.clear()
    packages.named.update(before)
    registry.forget()


def _names(value: Any) -> Iterator[str]:
    """The names in a spec, in a text of specs, and in what they nest."""
    if isinstance(value, Spec):
        yield value.name
        yield from _names(value.args)
    elif isinstance(value, Mapping):
        yield from _names(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _names(item)
    elif isinstance(value, str):
        try:
            yield from _names(Spec.chain(value))
        except UsageError:  # no spec: a path, or a number of the validation like valid/accuracy
            yield value.rpartition("/")[2]


def _alike(name: str) -> str:
    return name.replace("_", "-")
