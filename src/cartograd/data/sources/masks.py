"""Pictures with masks: a class for each pixel.

`PATH/images/1.jpg` and `PATH/masks/1.png` belong together, and so do `PATH/1.png` and
`PATH/1_mask.png`. Folders `train`, `valid` and `test`, above or below `images` and `masks`, are the
splits; one that is not there is cut from the others by a hash of the picture's name. Masks hold
numbers (palettes, grey) or colours; 255 is no label. A `legend.csv` of lines `name,number` or
`name,r,g,b` names the classes; without one they are what the masks hold.

Shapes: inputs `n c y x` in [0, 1], kept as uint8; targets `n y x` of class numbers, -100 for
no label.

References:
    Mark Everingham et al. The Pascal visual object classes challenge: a retrospective. IJCV 111,
    2015 (numbers in palettes, 255 for void). https://doi.org/10.1007/s11263-014-0733-5

>>> import pathlib, tempfile
>>> from PIL import Image
>>> root = pathlib.Path(tempfile.mkdtemp())
>>> for i in range(20):
...     Image.new("L", (8, 8), 10 * i).save(root / f"{i}.png")
...     Image.linear_gradient("L").resize((8, 8)).point(lambda v: v > 99).save(
...         root / f"{i}_mask.png"
...     )
>>> masks(root).signature.output.labels
('background', 'object')
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.ports import FITS, Port, Signature
from cartograd.data.dataset.copies import split_keys
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.listing import split_of
from cartograd.data.dataset.splits import assign
from cartograd.data.dataset.statistics import measured
from cartograd.data.decode import masks as decode
from cartograd.data.decode.images import SUFFIXES, header, pixels
from cartograd.data.decode.stored import as_port
from cartograd.data.decode.survey import every, survey

CARD = Card(
    name="masks",
    kind="data",
    entry="masks",
    title="Pictures with masks: a class for each pixel",
    zh="图片与掩码（逐像素类别）",
    paper="The Pascal visual object classes challenge: a retrospective",
    year=2015,
    url="https://doi.org/10.1007/s11263-014-0733-5",
    proofs=(
        "law: masks written as palettes, grey levels or colours come back with the same classes, "
        "each beside its own picture",
    ),
)

PICTURES = ("images", "image", "imgs", "img", "jpegimages", "pictures", "photos")
"""Folders, in any case, that hold the pictures."""

MASKS = (
    *("masks", "mask", "annotations", "annotation", "labels", "label", "segmentationclass"),
    *("groundtruth", "ground_truth", "gt"),
)
"""Folders, in any case, that hold the masks."""

ENDING = re.compile(r"[_-](mask|masks|seg|segmentation|labels?|gt)$", re.IGNORECASE)
"""What the name of a mask may end in."""


class Pair(NamedTuple):
    """A picture and its mask; `key` is the picture's name in its folder, `part` its split."""

    key: str
    picture: Path
    mask: Path
    part: str


def masks(
    path: str | Path,
    /,
    *,
    size: int | None = None,
    channels: int | None = None,
    fit: str = "crop",
    labels: tuple[str, ...] = (),
    legend: str | Path | None = None,
    void: int | None = None,
    valid: float = 0.1,
    test: float = 0.2,
) -> Dataset:
    """Pictures and their masks from files.

    Args:
        path: the folder.
        size: height and width to bring pictures and masks to; by default that of the pictures,
            which then must all be of one size.
        channels: 1 for grey, 3 for colour; by default 1 if all pictures are grey.
        fit: what is done with pictures of another shape: `crop` (the middle is cut out), `pad`
            (black beside the whole, without labels there; `pad-white`) or `stretch`.
        labels: names of the classes, in the order of their numbers.
        legend: a table of lines `name,number` or `name,r,g,b`; by default `legend.csv` in the
            folder, if it is there.
        void: the number in masks that means no label; by default 255, unless masks hold nothing
            but 0 and 255.
        valid: share for validation, unless there is a folder for it.
        test: share for testing, unless there is a folder for it.

    Raises:
        UsageError: a picture has no mask, or one of another size; a mask cannot be read, or holds
            a number or colour that is no class; the file is named.
    """
    root = Path(path)
    if fit not in FITS:
        raise unknown("fit", fit, FITS)
    pairs, left = listed(root)
    files, own = [pair.picture for pair in pairs], [pair.mask for pair in pairs]
    _check_sizes(root, pairs)
    seen = survey(root, files, size=size, channels=channels, fit=fit, bits=None)
    known, shares = _legend(root, own, legend, labels, void)
    how = {"height": seen.shape[1], "width": seen.shape[2], "fit": fit}
    targets = torch.stack(every(lambda file: decode.mask(file, known, **how), own))
    like = {"channels": seen.shape[0], "bits": seen.bits}
    pictures = [pixels(file, **like, **how) for file in files]
    stored = torch.stack([as_port(one, "image") if seen.deep else one for one in pictures])
    classes = len(known.labels)
    port = Port("image", "image", seen.shape, bounds=(0.0, 1.0), fit=fit, bits=seen.bits)
    output = Port("mask", "label", (classes, *seen.shape[1:]), labels=known.labels, task="segment")
    rows = _parts(pairs, valid, test)
    signature = Signature((measured(port, stored[rows["train"]]),), (output,))
    splits = {
        part: Split(stored[own], targets[own], signature, [pairs[i].key for i in own.tolist()])
        for part, own in rows.items()
    }
    decided = [f"share of pixels: {shares}", *known.notes, *seen.notes, *left]
    about = {"source": str(root), "pictures": len(pairs), "decided": decided}
    return Dataset("masks", **splits, signature=signature, about=about)


def listed(root: Path, /) -> tuple[list[Pair], list[str]]:
    """The pictures of a folder with their masks, and lines on masks that have no picture.

    Raises:
        UsageError: no such folder, no pictures, no masks, a picture without one, or two of a name.
    """
    if not root.is_dir():
        raise UsageError(f"{root} is no folder; expected one with images and masks")
    pictures, found = _by_key(root)
    wanted = "expected images/NAME.jpg beside masks/NAME.png, or NAME.png beside NAME_mask.png"
    if not pictures or not found:
        raise UsageError(f"{root} holds {len(pictures)} pictures and {len(found)} masks; {wanted}")
    lonely = [key for key in pictures if key not in found]
    if lonely:
        more = f" (and {len(lonely) - 1} more)" if len(lonely) > 1 else ""
        raise UsageError(f"{pictures[lonely[0]]} has no mask{more}; {wanted}")
    lone = [file for key, file in found.items() if key not in pictures]
    spare = [file.relative_to(root).as_posix() for file in lone]
    told = [f"left out, {len(spare)} masks without a picture: {', '.join(spare[:3])}"]
    pairs = [Pair(key, file, found[key], _split(key)) for key, file in pictures.items()]
    return pairs, told if spare else []


def holds_masks(root: Path, /) -> bool:
    """Whether most pictures of a folder have a mask by name."""
    try:
        pictures, found = _by_key(root)
    except UsageError:
        return True  # pictures of one name beside masks: whoever reads them says so
    return bool(pictures) and 2 * len(pictures.keys() & found.keys()) > len(pictures)


def _by_key(root: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Pictures and masks by the name that both have.

    Raises:
        UsageError: two files of one kind have the same name.
    """
    pictures: dict[str, Path] = {}
    found: dict[str, Path] = {}
    for file in _files(root):
        *folders, _ = file.relative_to(root).parts
        words = [folder.lower() for folder in folders]
        is_mask = any(word in MASKS for word in words)
        apart = is_mask or any(word in PICTURES for word in words)
        is_mask = is_mask or (not apart and bool(ENDING.search(file.stem)))
        kept = [one for one in folders if one.lower() not in (*PICTURES, *MASKS)]
        stem = ENDING.sub("", file.stem) if is_mask else file.stem
        key, home = "/".join([*kept, stem]), found if is_mask else pictures
        if key in home:
            raise UsageError(f"{home[key]} and {file} have one name; expected a picture and a mask")
        home[key] = file
    return pictures, found


def _files(root: Path) -> Iterator[Path]:
    for file in sorted(root.rglob("*")):
        hidden = any(part[0] == "." for part in file.relative_to(root).parts)
        if file.suffix.lower() in SUFFIXES and not hidden:
            yield file


def _split(key: str) -> str:
    """The split that a folder in the name stands for; empty if there is none."""
    return next((part for word in key.split("/")[:-1] if (part := split_of(word))), "")


def _parts(pairs: Sequence[Pair], valid: float, test: float) -> dict[str, Tensor]:
    """The rows of each split: as the folders say, the others cut from what is left.

    Raises:
        UsageError: there is too little to cut from.
    """
    own = {
        part: torch.tensor(
            [i for i, pair in enumerate(pairs) if pair.part == part], dtype=torch.long
        )
        for part in ("valid", "test")
    }
    rest = torch.tensor([i for i, pair in enumerate(pairs) if pair.part in ("", "train")])
    shares = {"valid": valid, "test": test}
    valid, test = (0.0 if len(own[part]) else share for part, share in shares.items())
    whole = [pairs[i] for i in rest.tolist()]
    keys = split_keys([pair.key for pair in whole], [pair.picture for pair in whole])
    cut = assign(keys, valid=valid, test=test)
    train, held, last = (rest[index] for index in cut)
    return {
        "train": train,
        "valid": own["valid"] if len(own["valid"]) else held,
        "test": own["test"] if len(own["test"]) else last,
    }


def _check_sizes(root: Path, pairs: Sequence[Pair]) -> None:
    """Refuse masks of another size than their pictures, all at once."""
    heads = every(lambda pair: (header(pair.picture).size, header(pair.mask).size), list(pairs))
    wrong = [(pair, sizes) for pair, sizes in zip(pairs, heads, strict=True) if len(set(sizes)) > 1]
    if wrong:
        pair, (size, other) = wrong[0]
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise UsageError(
            f"{pair.mask} is {other[0]} x {other[1]} and its picture "
            f"{pair.picture.relative_to(root)} is {size[0]} x {size[1]}{more}; expected one size"
        )


def _legend(
    root: Path,
    files: Sequence[Path],
    given: str | Path | None,
    labels: Sequence[str],
    void: int | None,
) -> tuple[decode.Legend, str]:
    """Which class each number or colour is, and which share of the pixels each has, in words."""
    place = next((root / name for name in decode.LEGENDS if (root / name).is_file()), None)
    place = place if given is None else Path(given)
    known = None if place is None else decode.read_legend(place, void=void)
    colours = known.colours if known else any(every(decode.is_coloured, files))
    counts = Counter[int]()
    for one in every(lambda file: decode.counted(file, colours=colours), files):
        counts.update(one)
    if known is None:
        known = decode.found_legend(counts, colours=colours, labels=labels, void=void)
    whole = max(1, sum(count for code, count in counts.items() if code in known.numbers))
    shares = (
        f"{known.labels[number]} {counts[code] / whole:.1%}"
        for code, number in list(known.numbers.items())[:8]
    )
    return known, ", ".join(shares)
