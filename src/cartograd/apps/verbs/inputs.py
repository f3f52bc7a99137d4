"""What a model is asked about, each with a name: files, folders, tables, texts, numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cartograd.apps.load.inputs import FILED
from cartograd.apps.results.heard import Heard
from cartograd.core.arrays import Tensor
from cartograd.core.errors import UsageError
from cartograd.core.paths import check_file
from cartograd.core.ports import Port
from cartograd.data.decode import images, sounds
from cartograd.data.decode.frames import frame_table, is_frame
from cartograd.data.decode.pairs import paired
from cartograd.data.decode.read import expanded
from cartograd.data.decode.table import Table
from cartograd.data.decode.text_sources import texts_in

SUFFIXES = {"image": images.SUFFIXES, "audio": sounds.SUFFIXES}
"""What files end in that a folder stands for."""


def parts_of(port: Port, sources: Any, heard: Heard, /) -> list[tuple[Any, str]]:
    """Each source with its name; a tensor, or numbers, are one part.

    Args:
        port: of the model.
        sources: what was given.
        heard: gets what is to be said, and, unless strict, what cannot be read.

    Raises:
        UsageError: nothing was given, or a source cannot be read.
    """
    named = str | Path | bytes | bytearray | Mapping | Table
    if is_frame(sources):
        sources = frame_table(sources)
    sources = paired(port, sources)
    if isinstance(sources, named) or not isinstance(sources, Sequence | Tensor | np.ndarray):
        sources = [sources]
    if isinstance(sources, Tensor | np.ndarray) or not all(
        isinstance(source, named) for source in sources
    ):
        return [(sources, "input")]
    if not sources:
        raise UsageError("nothing was given to predict; expected files, rows or numbers")
    parts: list[tuple[Any, str]] = []
    for source in sources:
        with heard.reading(_name(source) or str(source)[:60]):
            parts += _within(port, source, heard)
    return [(part, name or f"input {number}") for number, (part, name) in enumerate(parts, start=1)]


def _within(port: Port, source: Any, heard: Heard) -> list[tuple[Any, str]]:
    """The inputs in a source, a folder or a table of texts, with their names."""
    if port.kind == "text" and isinstance(source, Path | Table):
        return [*texts_in(port, source, heard.notes)]
    if port.kind in FILED and isinstance(source, str | Path):
        check_file(source)
    suffixes = SUFFIXES.get(port.kind)
    inside = [source] if suffixes is None else expanded([source], suffixes)
    return [(one, _name(one)) for one in inside]


def _name(source: Any) -> str:
    if isinstance(source, Table):
        return source.source
    return str(source) if isinstance(source, str | Path) else ""
