"""Pictures with boxes from files: what is wrong with them, their parts, and the dataset of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cartograd.core.boxes import Box, right_answers
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.copies import split_keys
from cartograd.data.dataset.dataset import Dataset, Examples, Split
from cartograd.data.dataset.splits import assign
from cartograd.data.dataset.statistics import measured
from cartograd.data.dataset.streamed import Streamed
from cartograd.data.decode.images import header, pixels
from cartograd.data.decode.survey import every

PARTS = ("train", "valid", "test")
BEYOND = 1.0
"""Pixels by which a box may reach out of its picture, by rounding; it is cut off there."""

SAMPLE = 2048
"""Pictures that mean and std are measured on, where not all are in memory."""


@dataclass
class Boxed:
    """A picture and its boxes.

    Attributes:
        file: the picture.
        size: its width and height in pixels.
        boxes: classes and corners in pixels.
        crowds: whether each is around many things.
        areas: of what is in each, in pixels.
    """

    file: Path
    size: tuple[int, int]
    boxes: list[Box] = field(default_factory=list)
    crowds: list[bool] = field(default_factory=list)
    areas: list[float] = field(default_factory=list)

    def add(
        self,
        kind: int,
        corners: Sequence[float],
        /,
        *,
        crowd: bool = False,
        area: float | None = None,
    ) -> str:
        """Take a box, cut off at the picture's edge; what is wrong with it, if it is not taken."""
        width, height = self.size
        left, top, right, bottom = corners
        if not all(map(math.isfinite, corners)):
            return "has a corner that is no number"
        if right <= left or bottom <= top:
            return f"is {right - left:g} x {bottom - top:g} pixels and holds nothing"
        if min(left, top) < -BEYOND or right > width + BEYOND or bottom > height + BEYOND:
            return (
                f"({left:g}, {top:g}) to ({right:g}, {bottom:g}) reaches out of {self.file.name}, "
                f"which is {width} x {height}"
            )
        inside = max(left, 0.0), max(top, 0.0), min(right, width), min(bottom, height)
        self.boxes.append((kind, *inside))
        self.crowds.append(crowd)
        own = (inside[2] - inside[0]) * (inside[3] - inside[1])
        self.areas.append(own if area is None else area)
        return ""


def refuse_faults(root: Path, faults: Sequence[str], broken: str, /) -> list[str]:
    """All that is wrong with boxes in a line, or that they are left out.

    Args:
        root: where the data lie.
        faults: what is wrong, a line each.
        broken: `refuse` or `leave-out`.

    Raises:
        UsageError: something is wrong, and is not to be left out.
    """
    if not faults:
        return []
    more = f" and {len(faults) - 5} more" if len(faults) > 5 else ""
    shown = "; ".join(faults[:5]) + more
    if broken == "refuse":
        raise UsageError(
            f"{root}: {shown}; mend them, or broken=leave-out goes on without these boxes"
        )
    return [f"left out, {len(faults)} boxes: {shown}"]


def sizes_of(files: Sequence[Path], /) -> dict[Path, tuple[int, int]]:
    """Width and height of each picture.

    Raises:
        UsageError: some cannot be read; they are named together.
    """
    return dict(zip(files, (one.size for one in every(header, files)), strict=True))


def boxed(
    name: str,
    root: Path,
    parts: Mapping[str, list[Boxed]],
    labels: Sequence[str],
    /,
    *,
    size: int,
    valid: float,
    test: float,
    memory: float,
    decided: Sequence[str],
) -> Dataset:
    """The dataset of pictures with boxes; parts that are missing are cut from `train` by a hash.

    Args:
        name: of the source.
        root: where the data lie.
        parts: pictures by part.
        labels: names of the classes.
        size: height and width that pictures are stretched to.
        valid: share for validation, where it has no part of its own.
        test: share for the test, likewise.
        memory: gigabytes that pictures may take; more stay on disk.
        decided: lines on what was decided before.

    Raises:
        UsageError: there is no box to learn from, or too little to cut from.
    """
    whole = list(parts.get("train", ()))
    if not any(one.boxes for one in whole):
        raise UsageError(
            f"{root} holds no box to learn from; expected one at least in the train part"
        )
    shares = {part: 0.0 if parts.get(part) else share for part, share in
              (("valid", valid), ("test", test))}  # fmt: skip
    names = [one.file.relative_to(root).as_posix() if one.file.is_relative_to(root)
             else one.file.name for one in whole]  # fmt: skip
    keys = split_keys(names, [one.file for one in whole])
    rows = assign(keys, valid=shares["valid"], test=shares["test"])
    cut = dict(zip(PARTS, rows, strict=True))
    own = {
        part: list(parts.get(part, ())) if part != "train" and parts.get(part)
        else [whole[i] for i in cut[part].tolist()]
        for part in PARTS
    }  # fmt: skip
    count = sum(map(len, own.values()))
    fits = count * 3 * size * size <= memory * 2**30
    load = partial(_load, size=size)
    image = Port("image", "image", (3, size, size), "float32", (0.0, 1.0), fit="stretch")
    output = Port("boxes", "value", ("q", 5 + len(labels)), labels=tuple(labels), task="detect")
    rows = own["train"] if fits else own["train"][:: max(1, len(own["train"]) // SAMPLE)]
    sample = torch.stack(every(load, [str(one.file) for one in rows]))
    signature = Signature((measured(image, sample),), (output,))

    def split(part: str) -> Examples:
        listed = own[part]
        files = [str(one.file) for one in listed]
        targets = right_answers(
            [one.boxes for one in listed], [one.size for one in listed],
            crowds=[one.crowds for one in listed], areas=[one.areas for one in listed],
        )  # fmt: skip
        if not fits:
            return Streamed(load, files, targets, signature, names=files)
        stored = sample if part == "train" else _stacked(every(load, files), size)
        return Split(stored, targets, signature, files)

    boxes = sum(len(one.boxes) for listed in own.values() for one in listed)
    bare = sum(not one.boxes for listed in own.values() for one in listed)
    told = [f"{count:,} pictures with {boxes:,} boxes of {len(labels)} classes, stretched to "
            f"{size} x {size} (size=)"]  # fmt: skip
    told += [f"{bare:,} pictures without a box: nothing is to be found there"] if bare else []
    about: dict[str, Any] = {"source": str(root), "pictures": count, "boxes": boxes}
    about |= {"decided": [*told, *decided]}
    train, held, last = map(split, PARTS)
    return Dataset(name, train, held, last, signature, about)


def _load(file: str, *, size: int) -> Tensor:
    return pixels(file, channels=3, height=size, width=size, fit="stretch")


def _stacked(pictures: list[Tensor], size: int) -> Tensor:
    return torch.stack(pictures) if pictures else torch.zeros(0, 3, size, size, dtype=torch.uint8)
