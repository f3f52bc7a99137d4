"""What several commands share; imports nothing heavy."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from cartograd.apps.cli.names import naming
from cartograd.core import vocabulary
from cartograd.core.errors import UsageError, unknown
from cartograd.core.paths import is_there

if TYPE_CHECKING:
    from cartograd.engine.files.bundle import Bundle

words: list[str] = []
"""The command line under way, for a command that hands it on."""

Many = Annotated[tuple[str, ...], Parameter(consume_multiple=True)]
"""A flag that takes several words."""

Source = Annotated[str, Parameter(allow_leading_hyphen=True)]
"""A raw input: a file, or numbers, the first of which may be negative."""

Inputs = Annotated[Source, naming("inputs")]
"""Raw inputs, all of which are read."""

SomeInputs = Annotated[Source, naming("some inputs")]
"""Raw inputs, of which those are read that can be."""

Margins = Annotated[Many, naming("margins")]
"""How much worse a model may be."""

Gates = Annotated[tuple[str, ...], naming("gate")]
"""What texts have to pass."""

Target = Annotated[str, naming("target")]
"""A run, a bundle, an ONNX file or published weights."""

Somewhere = Annotated[str, naming("somewhere")]
"""A target, an adapter, a folder of another library or an address."""

Data = Annotated[str | None, naming("data")]
"""A source of data or a path."""

Part = Annotated[str | None, naming("part")]
"""A part of the data."""

Device = Annotated[str, naming("device")]
"""A device, like cpu."""


def writable(_: Any, path: Path | None, /) -> None:
    """Refuse a file that cannot be written, before the work whose result it shall hold.

    Raises:
        UsageError: it is a folder, or there can be none where it shall be.
    """
    if path is None:
        return
    if path.is_dir():
        raise UsageError(f"{path} is a folder; expected a file to write")
    _possible(_, path)


def _possible(_: Any, path: Path | None, /) -> None:
    """Refuse a place where nothing can be written.

    Raises:
        UsageError: why not.
    """
    if path is None:
        return
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise UsageError(f"{path} cannot be written: {above} is no folder")
    if not os.access(path if path.exists() else above, os.W_OK):
        raise UsageError(f"{path} cannot be written: permission denied")


def _within(_: Any, seed: int | None, /) -> None:
    """Refuse what is no seed of a generator of random numbers.

    Raises:
        UsageError: it is out of range.
    """
    if seed is not None:
        vocabulary.check("command line", "seed", seed)


Seed = Annotated[int | None, Parameter(validator=_within)]
"""A seed, if one is given."""

File = Annotated[Path | None, Parameter(validator=writable)]
"""A file to write, if one is named: looked at before the work."""

Written = Annotated[Path, Parameter(validator=writable)]
"""A file to write: looked at before the work."""

Folder = Annotated[Path | None, Parameter(validator=_possible)]
"""A folder to make, if one is named: looked at before the work."""


def data_of(bundle: "Bundle", data: str | None, /) -> str:
    """The data that was named, or that a model was trained on.

    Raises:
        UsageError: neither is known.
    """
    own: Any = bundle.about.get("data")
    if data is None and not isinstance(own, str):
        raise UsageError(f"{bundle.path} does not say what it was trained on; give --data")
    return data or own


def with_target(data: str, target: str | None, /) -> str:
    """A source with the column of a table to predict, or with several, between commas.

    Raises:
        UsageError: the source names one itself.
    """
    if target is None:
        return data
    if "target=" in data:
        raise UsageError("--target names a column of --data, once")
    if "," in target:
        target = str([name.strip() for name in target.split(",") if name.strip()])
    begun = ":" in data or is_there(data.partition(",")[0])
    return f"{data}{',' if begun else ':'}target={target}"


def home(bundle: "Bundle", /) -> Path:
    """Where files about a bundle go: the folder of its run, else the current one."""
    return bundle.path.parent if bundle.path.name == "bundle" else Path()


def check_sources(sources: Iterable[str], flags: Iterable[str], /) -> None:
    """Refuse what is a mistyped flag; since numbers may be negative, the parser lets it pass.

    Raises:
        UsageError: a source begins with two hyphens.
    """
    for word in sources:
        if word.startswith("--"):
            raise unknown("option", word, flags)
