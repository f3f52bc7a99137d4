"""Which part of the data is measured unless it is said: what the model has not learned from.

Of the data that a model was trained on that is the part that was held back. Other data, from a
path, were held back as a whole: all of them are measured, unless they come in parts of their own.
"""

import re
from pathlib import Path
from typing import Any

from cartograd.apps.load.framed import Framed
from cartograd.apps.load.located import located
from cartograd.apps.load.source import Data
from cartograd.apps.load.target import Target
from cartograd.core.errors import UsageError
from cartograd.core.paths import expanded
from cartograd.core.spec import Spec
from cartograd.data.dataset.listing import SPLITS
from cartograd.engine.files.bundle import Bundle
from cartograd.engine.files.documents import document
from cartograd.engine.loop.fit import Run

NAMES = {name for names in SPLITS.values() for name in names}

LEARNED = {
    "all": "all of it, with the examples that it was trained on; --part test is of others",
    "train": "train: what it was trained on; --part test is of others",
}
"""What to say of a part of the data of the training that has been learned from."""


OTHERS = "all of it, as the model was not trained on it (--part test: a cut of it)"


def part_of(part: str | None, data: Data, trained: Any, /) -> tuple[str, str]:
    """The part that is meant, and a line where it is not the one that was held back.

    Of the data of the training the line says that there are examples of the training in it.

    Args:
        part: as it was given; None where it was not.
        data: what is to be measured.
        trained: the spec of the data that the model was trained on, if that is known.

    Raises:
        UsageError: the data are a path where nothing is.
    """
    if isinstance(data, Framed):
        own = _subject(trained) == data.spec.subject
        chosen = own or {"valid", "test", "split"} & set(data.args)
        if part is not None or chosen:
            return part or "test", LEARNED.get(part or "test", "") if own else ""
        return "all", OTHERS
    if not isinstance(data, str | Path | Spec):
        return part or "test", ""
    spec = located(data)
    place = _place(spec)
    if part is not None:
        own = place == _trained(trained) if place else _name(spec) == _name(trained)
        return part, LEARNED.get(part, "") if own else ""
    if place is None or place == _trained(trained) or _parted(spec, place):
        return "test", ""
    return "all", OTHERS


def trained_on(target: Target, /) -> Any:
    """The data that a bundle tells of, or that of a run or folder; None of a bare model."""
    return about_of(target).get("data")


def encoding_of(target: Target, /) -> str | None:
    """How the files were encoded that a model learned from, where that had to be said."""
    data = trained_on(target)  # a spec or a path with options; the file may be gone by now
    found = re.search(r"[:,]\s*encoding=([\w-]+)", data) if isinstance(data, str) else None
    return found[1] if found else None


def decided_on(target: Target, /) -> list[str]:
    """What was decided on the data of the training, in lines, as far as it is known."""
    source = about_of(target).get("source")
    lines = source.get("decided") if isinstance(source, dict) else None
    return list(lines) if isinstance(lines, list | tuple) else []


def about_of(target: Target, /) -> dict[str, Any]:
    """What a bundle, or that of a run or folder, tells of its training; nothing of a bare model."""
    if isinstance(target, Bundle):
        return target.about
    place = target.folder if isinstance(target, Run) else target
    homes = [Path(place) / "bundle", Path(place)] if isinstance(place, str | Path) else []
    home = next((one for one in homes if (one / "about.json").is_file()), None)
    return {} if home is None else document(home, "about")


def _name(spec: Any) -> str:
    """The name of data that need no path; their seed and size do not make them others."""
    try:
        return located(spec).name if isinstance(spec, str | Path | Spec) and spec else ""
    except UsageError:
        return ""


def _subject(spec: Any) -> str | None:
    """What stands for the data of the training in their spec."""
    try:
        return located(spec).subject if isinstance(spec, str | Path | Spec) and spec else None
    except UsageError:
        return None


def _place(spec: Spec) -> Path | None:
    """The file or folder that a source reads; None of data that is known by its name."""
    path = expanded(spec.subject or "")
    return path.resolve() if spec.subject and path.exists() else None


def _trained(spec: Any) -> Path | None:
    """Where the data of the training are, if they still are."""
    try:
        return _place(located(spec)) if isinstance(spec, str | Path | Spec) and spec else None
    except UsageError:
        return None


def _parted(spec: Spec, place: Path) -> bool:
    """Whether data have parts: folders of that name, or a column or shares that somebody chose."""
    chosen = {"valid", "test", "split"} & set(spec.args)
    folders = place.iterdir() if place.is_dir() else ()
    return bool(chosen) or any(one.is_dir() and one.name.lower() in NAMES for one in folders)
