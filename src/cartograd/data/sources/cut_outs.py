"""Cut-outs: birds, flowers, fruit, mammals and vehicles pasted on photographs, with exact outlines.

No set of real photographs with boxes is small and free, so pictures are made: a crop of a
photograph, and on it one to four drawings or photographs of things that were cut out along their
edges, of any size, some mirrored. Where a thing is, pixel by pixel, is then known without anybody
having drawn it. The boxes (`task=detect`) or the class of each pixel (`task=segment`, 0 for the
background) are what is to be found. Things and photographs that are tested on are not among those
trained on.

Each picture is a function of the seed, its part and its number alone. A thing covers at most a
quarter of what is still seen of another.

Shapes: inputs `n 3 y x` in [0, 1], kept as uint8; boxes `n q 9` (`core.boxes`), or classes `n y x`
in 0..5, kept as uint8.

References:
    Debidatta Dwibedi, Ishan Misra, Martial Hebert. Cut, paste and learn: surprisingly easy
    synthesis for instance detection. ICCV 2017. https://arxiv.org/abs/1708.01642
    The pictures: Tux Paint's stamps, the wallpapers of MATE (both GPL-2+).
    https://tuxpaint.org/stamps

>>> from cartograd.data.sources.cut_outs import CLASSES
>>> CLASSES
('bird', 'flower', 'fruit', 'mammal', 'vehicle')
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from cartograd.core.boxes import Box, right_answers
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.hashing import mixed
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.statistics import measured
from cartograd.data.decode.images import SUFFIXES, pixels
from cartograd.data.store import packages

CARD = Card(
    name="cut-outs",
    kind="data",
    entry="cut_outs",
    title="Cut-outs pasted on photographs, with boxes and masks",
    zh="贴在照片上的抠图（带边框与掩码）",
    paper="Cut, paste and learn",
    year=2017,
    url="https://arxiv.org/abs/1708.01642",
    proofs=(
        "law: each box is that of its thing's own pixels in the mask, to the pixel",
        "law: what is tested on was cut from other files than what is trained on",
    ),
    tiny={"size": 32, "examples": 12},
)

CLASSES = ("bird", "flower", "fruit", "mammal", "vehicle")
BACKGROUNDS = "background"
"""The folder of the photographs that things are pasted on."""

HALF = 128
"""Opacity from which on a pixel is the thing's."""

PARTS = {"train": (0.0, 0.65), "valid": (0.65, 0.75), "test": (0.75, 1.0)}
"""Which share of the files, ordered by a hash of their names, is for which part."""

FEWEST = 10
"""Pictures of a kind that make parts of two at least."""

LARGEST, SMALLEST = 0.55, 0.2
"""The longer side of a thing, as a share of the picture's."""

TRIES = 10
"""How often a place is looked for that is still free."""


@dataclass(frozen=True)
class Thing:
    """A cut-out: its colours, its opacity (both in [0, 1]), and the number of its class."""

    colours: Float[Tensor, "3 y x"]
    opacity: Float[Tensor, "1 y x"]
    number: int


def cut_outs(
    path: str | Path | None = None,
    /,
    *,
    size: int = 96,
    examples: int = 1000,
    task: Literal["detect", "segment"] = "detect",
    seed: int = 0,
) -> Dataset:
    """Pictures of pasted things, and where they are.

    Args:
        path: a folder with a folder of cut-outs (.png) for each class, and one of photographs
            called `background`; by default what `cartograd data get cut-outs` has fetched.
        size: height and width of the pictures.
        examples: how many are trained on; a tenth as many are for validation, a fifth for the test.
        task: what is to be found: boxes (`detect`) or the class of each pixel (`segment`).
        seed: of the pictures.

    Raises:
        UsageError: the files are not there, too few, or cannot be read.
    """
    root = packages.where("cut-outs") if path is None else Path(path)
    counts = {"train": examples, "valid": max(1, examples // 10), "test": max(1, examples // 5)}
    cut = {part: things(root, part, size) for part in PARTS}
    photos = _ordered(root / BACKGROUNDS)
    made: dict[str, tuple[Tensor, Tensor, Tensor]] = {}
    for number, part in enumerate(PARTS):
        photographs = [_photograph(file, size) for file in _of_part(photos, part)]
        draws = [torch.Generator().manual_seed(mixed(seed, number, i)) for i in range(counts[part])]
        made[part] = _pictures(cut[part], photographs, draws, size)
    image = Port("image", "image", (3, size, size), "float32", (0.0, 1.0), fit="stretch")
    signature = Signature((measured(image, made["train"][0]),), (_answer(task, size),))
    splits = {
        part: Split(x, boxes if task == "detect" else mask, signature)
        for part, (x, boxes, mask) in made.items()
    }
    about = {"source": str(root), "licence": "GPL-2+", "seed": seed}
    return Dataset("cut-outs", **splits, signature=signature, about=about)


def things(root: Path, part: str, size: int, /) -> list[Thing]:
    """What is pasted in the pictures of a part, as large as it may become in this size.

    Raises:
        UsageError: the files are not there, too few, or cannot be read.
    """
    return [
        _thing(file, kind, size)
        for kind, name in enumerate(CLASSES)
        for file in _of_part(_ordered(root / name), part)
    ]


def _answer(task: str, size: int) -> Port:
    if task == "detect":
        return Port("boxes", "value", ("q", 5 + len(CLASSES)), labels=CLASSES, task="detect")
    labels = ("background", *CLASSES)
    return Port("classes", "label", (len(labels), size, size), labels=labels, task="segment")


def _ordered(folder: Path) -> list[Path]:
    """A folder's pictures by a hash of their names."""
    if not folder.is_dir():
        raise UsageError(
            f"{folder} is missing; expected a folder of cut-outs for each of {', '.join(CLASSES)}, "
            f"and one of photographs, {BACKGROUNDS}"
        )
    found = [file for file in sorted(folder.rglob("*")) if file.suffix.lower() in SUFFIXES]
    if folder.name != BACKGROUNDS:
        found = [file for file in found if _is_cut_out(file)]
    if len(found) < FEWEST:
        raise UsageError(
            f"{folder} holds {len(found)} pictures that will do; expected at least {FEWEST}"
        )
    return sorted(found, key=lambda file: hashlib.sha256(file.name.encode()).digest())


def _of_part(files: Sequence[Path], part: str) -> Sequence[Path]:
    low, high = (round(share * len(files)) for share in PARTS[part])
    return files[low:high]


def _is_cut_out(file: Path) -> bool:
    """Whether a picture has clear parts, and others that are not."""
    with Image.open(file) as image:
        if not image.has_transparency_data:
            return False
        clear = np.asarray(image.convert("RGBA").getchannel("A"))
    return bool(clear.min() == 0 and clear.max() >= HALF)


def _thing(file: Path, number: int, size: int) -> Thing:
    """A cut-out without what is clear around it, its longer side as long as it may become."""
    with Image.open(file) as image:
        whole = image.convert("RGBA")
    solid = np.asarray(whole.getchannel("A")) >= HALF
    whole = whole.crop(Image.fromarray(solid).getbbox())
    longest = round(LARGEST * size)
    whole.thumbnail((longest, longest), Image.Resampling.BOX)
    values = torch.from_numpy(np.asarray(whole).copy()).permute(2, 0, 1).float() / 255
    return Thing(values[:3], values[3:], number)


def _photograph(file: Path, size: int) -> UInt8[Tensor, "3 y x"]:
    """A photograph of twice the height and width of a picture, of which crops are taken."""
    return pixels(file, channels=3, height=2 * size, width=2 * size)


def _pictures(
    known: Sequence[Thing],
    photographs: Sequence[Tensor],
    draws: Sequence[torch.Generator],
    size: int,
) -> tuple[UInt8[Tensor, "n 3 y x"], Float[Tensor, "n q 9"], UInt8[Tensor, "n y x"]]:
    """The pictures of a part, their boxes, and their masks."""
    pictures = torch.empty(len(draws), 3, size, size, dtype=torch.uint8)
    masks = torch.empty(len(draws), size, size, dtype=torch.uint8)
    boxes: list[list[Box]] = []
    for i, draw in enumerate(draws):
        top, left = torch.randint(size + 1, (2,), generator=draw).tolist()
        photograph = photographs[int(torch.randint(len(photographs), (), generator=draw))]
        picture = photograph[:, top : top + size, left : left + size].float() / 255
        owner = torch.zeros(size, size, dtype=torch.int64)
        kinds = [-1]
        for _ in range(int(torch.randint(1, 5, (), generator=draw))):
            pasted = _pasted(picture, owner, known, draw, len(kinds))
            if pasted is not None:
                picture, owner, kind = pasted
                kinds.append(kind)
        pictures[i] = (picture * 255).round().to(torch.uint8)
        masks[i] = (torch.tensor(kinds) + 1)[owner]
        boxes.append(
            [(kind, *_around(owner == one)) for one, kind in enumerate(kinds) if kind >= 0]
        )
    return pictures, right_answers(boxes, [(size, size)] * len(boxes)), masks


def _pasted(
    picture: Tensor, owner: Tensor, known: Sequence[Thing], draw: torch.Generator, number: int
) -> tuple[Tensor, Tensor, int] | None:
    """The picture with a thing more, whose pixels are each thing's, and the thing's class.

    None where there is no room for it that leaves three quarters of every other one to be seen.
    """
    size = picture.shape[-1]
    # Classes have different numbers of cut-outs, and are all pasted as often.
    kind = int(torch.randint(len(CLASSES), (), generator=draw))
    own = [thing for thing in known if thing.number == kind]
    thing = own[int(torch.randint(len(own), (), generator=draw))]
    unit = torch.rand(3 + 2 * TRIES, generator=draw).tolist()
    side = size * (SMALLEST + (LARGEST - SMALLEST) * unit[0])
    scale = side / max(thing.opacity.shape[1:])
    height, width = (max(4, round(scale * length)) for length in thing.opacity.shape[1:])
    cut = F.interpolate(
        torch.cat([thing.colours * thing.opacity, thing.opacity])[None],
        (height, width), mode="bilinear", antialias=True, align_corners=False,
    )[0].clamp(0, 1)  # fmt: skip
    cut = cut.flip(2) if unit[1] < 0.5 else cut
    solid = cut[3] >= HALF / 255
    before = owner.flatten().bincount(minlength=number)
    for at in range(TRIES):
        top = int(unit[3 + 2 * at] * (size - height + 1))
        left = int(unit[4 + 2 * at] * (size - width + 1))
        where = (slice(top, top + height), slice(left, left + width))
        lost = owner[where][solid].bincount(minlength=number)
        if bool((4 * lost[1:] <= before[1:]).all()) and bool(solid.any()):
            break
    else:
        return None
    picture, owner = picture.clone(), owner.clone()
    picture[:, where[0], where[1]] = cut[:3] + (1 - cut[3:]) * picture[:, where[0], where[1]]
    owner[where] = owner[where].masked_fill(solid, number)
    return picture, owner, kind


def _around(mine: Tensor) -> tuple[float, float, float, float]:
    """The smallest box around the pixels of a thing."""
    rows, columns = mine.any(1).nonzero()[:, 0], mine.any(0).nonzero()[:, 0]
    left, right = float(columns[0]), float(columns[-1] + 1)
    return left, float(rows[0]), right, float(rows[-1] + 1)
