"""What brings data to one size where nobody says it: pictures to a side, sounds to rate and length.

A model that was named assumes nothing, and the source refuses files that differ; where the model is
chosen, or the data are only looked at, so is what they are brought to, and a line says it.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cartograd.apps.load.located import located, taken
from cartograd.apps.load.source import dataset
from cartograd.core.errors import UsageError
from cartograd.core.paths import expanded
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.listing import listed, unsorted
from cartograd.data.decode.images import SUFFIXES, header
from cartograd.data.decode.sounds import SUFFIXES as SOUNDS
from cartograd.data.decode.sounds import sound
from cartograd.data.decode.survey import tried
from cartograd.data.store import packages

PHOTO, DRAWN = 64, 32
"""Sides of pictures, in pixels: to which photos are brought for a network that learns from nothing,
and pictures that are learned to be drawn."""

PUBLISHED = 128
"""The side to which photos are brought for published weights: a third of the work of 224."""

EFFICIENT = "efficientnet-lite0-imagenet"


def is_here(name: str) -> bool:
    """Whether published weights are in the cache."""
    return packages.show(name).path is not None


def brought(asked: Any, /) -> tuple[Any, Dataset]:
    """Data, and as what they are read: files that are unlike each other are brought to one size.

    Args:
        asked: data as verbs take them.

    Raises:
        UsageError: the data cannot be had.
    """
    if not isinstance(asked, str | Path | Spec):
        return asked, dataset(asked)
    spec = located(asked)
    more = _brought(spec)
    if not more:
        return asked, dataset(asked)
    whole = Spec(spec.name, spec.args | more, spec.subject)
    data = dataset(whole)
    shown = ",".join(f"{key}={value}" for key, value in more.items())
    lines = [*taken(asked, spec, data), f"{shown}: what all are brought to, where nobody says it"]
    decided = [*lines, *data.about.get("decided", ())]
    return str(whole), replace(data, about=data.about | {"decided": decided})


def _brought(spec: Spec) -> dict[str, Any]:
    """What a source of files has to be told where these are unlike each other, or large."""
    if spec.subject is None:
        return {}
    root = expanded(spec.subject)
    if spec.name == "folder" and "size" not in spec.args and root.is_dir():
        return _size(root)
    if spec.name == "wav" and root.is_dir():
        return _length(root, spec.args)
    return {}


def _size(root: Path) -> dict[str, Any]:
    """Of pictures: the side to bring them to."""
    loose = unsorted(root, SUFFIXES)
    files = [file for file, _ in loose] if loose else _files(root, SUFFIXES)
    headers = [one for one in (tried(header, file) for file in files) if not isinstance(one, str)]
    sizes = {one.size for one in headers}
    sides = sorted(min(one.size) for one in headers)
    most = DRAWN if loose else PHOTO
    if not sides or (len(sizes) == 1 and sides[0] == max(headers[0].size) <= most):
        return {}
    middle = sides[len(sides) // 2]
    if not loose and middle >= PUBLISHED and is_here(EFFICIENT):
        return {"size": PUBLISHED, "channels": 3}
    return {"size": min(most, _whole(middle))}


def _whole(side: int) -> int:
    """A side that can be halved twice."""
    return max(8, side // 4 * 4)


def _length(root: Path, args: Mapping[str, Any]) -> dict[str, Any]:
    """Of sounds: the commonest rate and the middle length, where they differ."""
    heard = [
        one
        for one in (tried(sound, file) for file in _files(root, SOUNDS))
        if not isinstance(one, str)
    ]
    rates = [one.rate for one in heard]
    lengths = sorted(len(one.samples) / one.rate for one in heard)
    found = dict[str, Any]()
    if heard and "sample_rate" not in args and len(set(rates)) > 1:
        found["sample_rate"] = max(set(rates), key=rates.count)
    if heard and "seconds" not in args and lengths[0] != lengths[-1]:
        found["seconds"] = float(f"{lengths[len(lengths) // 2]:.3g}")
    return found


def _files(root: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The files that a source will read; none where it refuses the folder anyway."""
    try:
        _, listing = listed(root, suffixes)
    except UsageError:
        return []
    return [file for files in listing.values() for file, _ in files]
