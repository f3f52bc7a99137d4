"""Clip art: drawings of a dozen kinds of things, few of each.

Colour drawings by many hands, from Debian's collection of Open Clip Art: what a thing is has to be
seen in a photo-like picture, a sketch or a symbol alike. Of each class 32 drawings are for the last
test and 8 for validation, always the same by a hash of their names, and up to 20 for training: a
set for transfer, where a network that starts from nothing has too little to learn from.

Shapes: inputs `n 3 y x` in [0, 1], kept as uint8; targets `n` in 0..11. Drawings are scaled into a
white square; what is transparent is white.

References:
    Open Clip Art Library, release 0.18, public domain. https://openclipart.org

>>> from cartograd.data.sources.clip_art import CLASSES
>>> len(CLASSES)
12
"""

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.statistics import measured
from cartograd.data.decode.images import pixels
from cartograd.data.store import packages

CARD = Card(
    name="clip-art",
    kind="data",
    entry="clip_art",
    title="Open Clip Art, drawings of a dozen kinds of things",
    zh="Open Clip Art 剪贴画（十二类）",
    proofs=(
        "law: each class has the same number in each part, and fewer shots take away from training "
        "alone",
    ),
    tiny={"size": 8, "shots": 2},
)

CLASSES = (
    "building", "dessert", "flag", "fruit", "mammal", "music",
    "person", "plant", "road-sign", "sport", "tool", "vehicle",
)  # fmt: skip
LARGEST = 2**24
"""Pixels of a drawing that is still read."""

FIT = "pad-white"
"""Drawings stay whole, on white."""

TEST, VALID, MOST = 32, 8, 20
"""Drawings of each class in each part; the most for training."""


def clip_art(path: str | Path | None = None, /, *, size: int = 96, shots: int = 20) -> Dataset:
    """A few drawings of each class.

    Args:
        path: a folder with a folder for each class; by default what `cartograd data get clip-art`
            has fetched.
        size: pixels of the square that drawings are scaled into.
        shots: drawings of each class to train on, at most 20.

    Raises:
        UsageError: the drawings are not there, too few, or cannot be read.
    """
    if shots > MOST:
        raise UsageError(f"shots={shots} is out of range; clip-art has {MOST} a class for training")
    root = packages.where("clip-art") if path is None else Path(path)
    bounds = {"test": (0, TEST), "valid": (TEST, TEST + VALID), "train": (TEST + VALID, 60)}
    files: dict[str, list[tuple[Path, int]]] = {part: [] for part in bounds}
    for number, name in enumerate(CLASSES):
        found = _ordered(root / name)
        for part, (first, last) in bounds.items():
            taken = found[first:last][: shots if part == "train" else None]
            files[part] += [(file, number) for file in taken]
    image = Port("image", "image", (3, size, size), "float32", (0.0, 1.0), fit=FIT)
    label = Port("class", "label", (len(CLASSES),), labels=CLASSES, task="classify")
    pictures = {part: _loaded(listed, size) for part, listed in files.items()}
    signature = Signature((measured(image, pictures["train"]),), (label,))

    def split(part: str) -> Split:
        targets = torch.tensor([number for _, number in files[part]])
        names = [file.relative_to(root).as_posix() for file, _ in files[part]]
        return Split(pictures[part], targets, signature, names)

    about = {"source": str(root), "licence": "public domain", "shots": shots}
    return Dataset(
        "clip-art", split("train"), split("valid"), split("test"), signature=signature, about=about
    )


def _ordered(folder: Path) -> list[Path]:
    """A class's drawings by a hash of their names; copies and giants are left out."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is missing; expected a folder of drawings for each class")
    files: dict[str, Path] = {}
    for file in sorted(folder.rglob("*.png")):
        data = file.read_bytes()
        columns, rows = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
        if columns * rows <= LARGEST:
            files.setdefault(hashlib.sha256(data).hexdigest(), file)
    needed = TEST + VALID + MOST
    if len(files) < needed:
        raise UsageError(f"{folder} holds {len(files)} drawings; expected at least {needed}")
    return sorted(files.values(), key=lambda file: hashlib.sha256(file.name.encode()).digest())


def _loaded(files: list[tuple[Path, int]], size: int) -> Tensor:
    stored = torch.empty((len(files), 3, size, size), dtype=torch.uint8)
    for index, (file, _) in enumerate(files):
        stored[index] = pixels(file, channels=3, height=size, width=size, fit=FIT)
    return stored
