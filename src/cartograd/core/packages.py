"""Where methods are looked for: our own rooms, installed packages that offer theirs, and a user's.

A package is found on Python's path and read as text. Nothing of it is imported until one of its
methods is used.
"""

import re
import warnings
from dataclasses import dataclass
from functools import cache
from importlib import invalidate_caches
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from cartograd.core.errors import UsageError

GROUP = "cartograd.methods"
"""The entry point by which an installed package offers its methods: a package or module."""

OURS = "cartograd"
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True)
class Package:
    """A package or module that holds method files.

    Attributes:
        name: dotted, as `--import` gives it.
        place: its folder, or its one file.
    """

    name: str
    place: Path

    def files(self) -> list[Path]:
        """Its source files."""
        return [self.place] if self.place.is_file() else sorted(self.place.rglob("*.py"))

    def module(self, path: Path, /) -> str:
        """The dotted name of one of its files."""
        if path == self.place:
            return self.name
        parts = path.relative_to(self.place).with_suffix("").parts
        return ".".join((self.name, *(part for part in parts if part != "__init__")))

    def holds(self, module: str, /) -> bool:
        """Whether a dotted name is this package's or that of a part of it."""
        return module == self.name or module.startswith(self.name + ".")

    def path(self, module: str, /) -> Path:
        """The file of a dotted name that this package holds."""
        if self.place.is_file():
            return self.place
        inside = self.place.joinpath(*module.removeprefix(self.name).split("."))
        file = inside.with_suffix(".py")
        return file if file.is_file() else inside / "__init__.py"


named: dict[str, Package] = {}
"""Packages that the user named, by name; `cartograd.core.plugins` adds to it."""


def others() -> list[Package]:
    """Packages besides our own: those that are installed, and those that the user named."""
    return list({**installed(), **named}.values())


def home(module: str, /) -> Package | None:
    """The package besides our own that a module belongs to."""
    return next((package for package in others() if package.holds(module)), None)


@cache
def installed() -> dict[str, Package]:
    """Packages that offer methods by an entry point of the group `cartograd.methods`."""
    packages = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda one: one.value):
        try:
            packages[entry.module] = located(entry.module)
        except UsageError as error:
            warnings.warn(f"the entry point {entry.name!r} of {GROUP}: {error}", stacklevel=2)
    return packages


def located(name: str, /) -> Package:
    """A package or module by its dotted name, found without importing any of it.

    Raises:
        UsageError: there is none, it is not written in Python, or it is ours.
    """
    if not is_dotted(name):
        raise UsageError(f"{name!r} is no module; expected a dotted name, like my_package.methods")
    if name.partition(".")[0] == OURS:
        raise UsageError(f"{name} is a part of Cartograd: its methods are known already")
    path = _place(name)
    if path is None:
        raise UsageError(
            f"there is no module {name!r} on Python's path; install its package, or run where it is"
        )
    if not path.is_dir() and path.suffix != ".py":
        raise UsageError(f"{name} is not Python source, where cards could be read")
    return Package(name, path)


def is_dotted(name: str, /) -> bool:
    """Whether a text is a dotted name."""
    return _DOTTED.fullmatch(name) is not None


def _place(name: str) -> Path | None:
    """The folder or file of a module: its parents are searched, not imported.

    Raises:
        UsageError: it has several folders.
    """
    invalidate_caches()
    top, *rest = name.split(".")
    try:
        spec = find_spec(top)
    except ValueError:  # a module that was made by hand
        spec = None
    if spec is None:
        return None
    places = [Path(folder) for folder in spec.submodule_search_locations or ()]
    if not places:
        places = [Path(spec.origin or "")]
    for part in rest:
        inside = [place / part for place in places]
        places = [place for place in inside if place.is_dir()]
        files = [place.with_suffix(".py") for place in inside]
        places = places or [file for file in files if file.is_file()]
    if len(places) > 1:
        raise UsageError(f"{name} is spread over several folders; name a module inside of it")
    return places[0] if places else None
