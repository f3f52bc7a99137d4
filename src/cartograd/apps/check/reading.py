"""Reading data that may be broken: what stops it is noted, and what its error proposes is tried."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from cartograd.apps.check.copies import counted
from cartograd.apps.load.brought import brought
from cartograd.apps.load.located import located, taken
from cartograd.apps.load.recognised import TargetlessError
from cartograd.apps.results.data_card import DataFinding
from cartograd.core.errors import UsageError
from cartograd.core.paths import expanded
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.listing import listed, unsorted
from cartograd.data.decode.images import SUFFIXES as IMAGES
from cartograd.data.decode.images import pixels
from cartograd.data.decode.sounds import SUFFIXES as SOUNDS
from cartograd.data.decode.sounds import sound
from cartograd.data.decode.survey import tried
from cartograd.data.decode.text_files import SUFFIXES as TEXTS
from cartograd.data.decode.text_files import read_text

PROPOSED = re.compile(r"give (drop_missing)=(true)")
"""What an error says would let the rest be read."""

FILES: dict[str, tuple[tuple[str, ...], Any]] = {
    "folder": (IMAGES, lambda file: pixels(file, channels=1, height=8, width=8)),
    "wav": (SOUNDS, sound),
    "text-folder": (TEXTS, read_text),
}
"""Sources of many files: what these end in, and what reads one."""


def read(asked: Any, /) -> tuple[Any, Dataset | None, list[DataFinding]]:
    """Data, without what of them cannot be read.

    Args:
        asked: data as verbs take them.

    Returns:
        What was read, the data (None where nothing helps), and what stops a training.

    Raises:
        UsageError: there is nothing, or nothing that a source reads.
    """
    if not isinstance(asked, str | Path | Spec):
        return asked, brought(asked)[1], []
    spec, stops = _with_target(asked)
    word: Any = spec if stops else asked
    for _ in range(3):
        try:
            word, data = brought(word)
            return word, _as_asked(asked, word, data) if stops else data, stops
        except UsageError as error:
            spec = located(word)
            stop, more = _stopped(spec, str(error))
            stops.append(stop)
            if not more or more.items() <= spec.args.items():
                return word, None, stops
            word = Spec(spec.name, spec.args | more, spec.subject)
    return word, None, stops


def _as_asked(asked: str | Path | Spec, word: Any, data: Dataset) -> Dataset:
    """Data that were read by a spec of ours, with the line on what the path was taken for."""
    lines = taken(asked, located(word), data)
    about = data.about | {"decided": [*lines, *data.about.get("decided", ())]}
    return replace(data, about=about)


def _with_target(asked: str | Path | Spec) -> tuple[Spec, list[DataFinding]]:
    """The source, and that a table was told no target: then its last column is taken."""
    try:
        return located(asked), []
    except TargetlessError as error:
        name = error.likely
        said = f"nobody said which column is to be predicted; {name!r}, the last one, is taken here"
        stop = DataFinding("stop", "no target", said, 1, (), f"--target {name}")
        return Spec("csv", error.told | {"target": name}, str(error.path)), [stop]


def _stopped(spec: Spec, error: str) -> tuple[DataFinding, dict[str, Any]]:
    """What stops the reading, and what goes on without it."""
    broken = _broken(spec)
    if broken and spec.args.get("broken") != "leave-out":
        said = f"{counted(len(broken), 'file')} that cannot be read: {broken[0][1]}"
        names = tuple(name for name, _ in broken)
        mend = "mend or remove them, or go on without: broken=leave-out"
        found = DataFinding("stop", "broken files", said, len(broken), names, mend)
        return found, {"broken": "leave-out"}
    proposed = PROPOSED.search(error)
    more = {proposed[1]: True} if proposed else {}
    mend = f"{proposed[1]}={proposed[2]}" if proposed else ""
    return DataFinding("stop", "cannot be read", error, 1, (), mend), more


def _broken(spec: Spec) -> list[tuple[str, str]]:
    """The files of a folder that cannot be read, each with why."""
    root = expanded(str(spec.subject))
    if spec.name not in FILES or not root.is_dir():
        return []
    suffixes, look = FILES[spec.name]
    try:
        files = unsorted(root, suffixes) or [
            pair for files in listed(root, suffixes)[1].values() for pair in files
        ]
    except UsageError:
        return []
    found = ((file, tried(look, file)) for file, _ in files)
    return [
        (file.relative_to(root).as_posix(), said) for file, said in found if isinstance(said, str)
    ]
