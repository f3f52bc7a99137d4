"""A folder of pictures, one folder for each class.

`PATH/cat/1.png` is an example of the class `cat`; pictures may lie deeper. Where PATH has folders
`train`, and perhaps `valid` and `test`, which hold the class folders, they are the splits; a split
that is not there is cut from `train` by a hash of the file's path within PATH (of copies, of the
first one's path: they are in one split). Pictures that lie in
PATH itself, without folders, are of one class: enough for what learns from pictures alone, such as
a generative model, and refused by what learns classes. Pictures are kept
as uint8 (those of more than 8 bits as float32, with all their levels); where they would take more
than `memory`, they stay on disk and are read as needed.

Shapes: inputs `n c y x` in [0, 1], targets `n`: the index of the class among the sorted names.

References:
    J. Deng et al.: ImageNet: A Large-Scale Hierarchical Image Database, CVPR 2009 (the layout).
    https://doi.org/10.1109/CVPR.2009.5206848

>>> import pathlib, tempfile
>>> from PIL import Image
>>> root = pathlib.Path(tempfile.mkdtemp())
>>> for name in [f"{kind}/{i}.png" for kind in ("dark", "light") for i in range(10)]:
...     (root / name).parent.mkdir(exist_ok=True)
...     Image.new("L", (8, 8), 255 * ("light" in name)).save(root / name)
>>> folder(root).signature.input.dims
(1, 8, 8)
"""

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import unknown
from cartograd.core.ports import FITS, Port, Signature
from cartograd.data.dataset.dataset import Dataset, Examples, Split
from cartograd.data.dataset.listing import Listing, cut, listed, readable, told, unsorted
from cartograd.data.dataset.plan import order
from cartograd.data.dataset.statistics import measured
from cartograd.data.dataset.streamed import Streamed
from cartograd.data.decode.images import SUFFIXES, pixels
from cartograd.data.decode.stored import as_port
from cartograd.data.decode.survey import refuse, survey, tried

CARD = Card(
    name="folder",
    kind="data",
    entry="folder",
    title="A folder of pictures, one folder for each class",
    zh="图片文件夹（每类一个子文件夹）",
    paper="Deng et al., ImageNet",
    year=2009,
    url="https://doi.org/10.1109/CVPR.2009.5206848",
    nodes=("data/prepare",),
    evidence={
        "data/prepare": (
            "test_every_fault_of_a_table_is_named_with_what_mends_it",
            "test_every_fault_of_a_folder_of_pictures_is_named",
            "test_a_training_keeps_the_card_and_says_what_misleads_it",
            "test_no_copy_of_a_row_that_is_trained_on_is_held_back",
            "test_no_copy_of_a_file_under_another_name_is_held_back",
        ),
    },
    proofs=(
        "law: pictures written from a dataset come back with the same pixels and classes",
        "law: files of classes of 150 and more keep their split when others are added",
    ),
)

SAMPLE = 4096
"""So many pictures are read for mean and std, where not all are in memory."""

LARGE = 2**15
"""Bytes of a file from which on Pillow spends its time outside of the interpreter's lock."""


def folder(
    path: str | Path,
    /,
    *,
    size: int | None = None,
    channels: int | None = None,
    fit: str = "crop",
    bits: int | None = None,
    labels: tuple[str, ...] = (),
    broken: Literal["refuse", "leave-out"] = "refuse",
    valid: float = 0.1,
    test: float = 0.2,
    memory: float = 4.0,
    workers: int = 0,
) -> Dataset:
    """Pictures from files.

    Args:
        path: the folder that holds the class folders, or `train`, `valid`, `test` folders, or
            pictures of no class.
        size: height and width to bring the pictures to; by default that of the pictures, which
            then must all be of one size.
        channels: 1 for grey, 3 for colour; by default 1 if all pictures are grey.
        fit: what is done with pictures of another shape: `crop` (the middle is cut out), `pad`
            (black beside the whole; `pad-white` for drawings) or `stretch`.
        bits: of the numbers in pictures of more than 8: 8, 10, 12, 14 or 16, of which the largest
            is white; by default as few as hold the largest number in the folder.
        labels: names of the classes, in their order; by default those of the folders. Folders of
            some of them will do.
        broken: what is done about pictures that cannot be read: `refuse` names them all,
            `leave-out` goes on without them.
        valid: share for validation, unless there is a `valid` folder.
        test: share for testing, unless there is a `test` folder.
        memory: GiB that the pictures may take in memory; above it they are read as needed.
        workers: processes that read ahead when they are; 0 reads in this one.

    Raises:
        UsageError: there is no such folder, a class has no pictures, there is only one class, a
            picture cannot be read or is of another size; the file is named.
    """
    root = Path(path)
    if fit not in FITS:
        raise unknown("fit", fit, FITS)
    loose = [] if labels else unsorted(root, SUFFIXES)
    known, listing = ([root.name], {"train": loose}) if loose else listed(root, SUFFIXES, labels)
    lost = list[Path]()
    if broken == "leave-out":
        look = partial(pixels, channels=1, height=8, width=8)
        listing, lost = readable(known, listing, look)
    files = [file for files in listing.values() for file, _ in files]
    seen = survey(root, files, size=size, channels=channels, fit=fit, bits=bits)
    port = Port("image", "image", seen.shape, bounds=(0.0, 1.0), fit=fit, bits=seen.bits)
    output = Port("class", "label", (len(known),), labels=tuple(known), task="classify")
    how = dict(zip(("channels", "height", "width"), seen.shape, strict=True))
    load = partial(_load, how=how | {"fit": fit, "bits": seen.bits}, deep=seen.deep)
    dtype = torch.float32 if seen.deep else torch.uint8
    parts = cut(root, listing, valid=valid, test=test)
    count = sum(map(len, parts.values()))
    fits = count * math.prod(seen.shape) * dtype.itemsize <= memory * 2**30

    def split(part: str, signature: Signature) -> Examples:
        paths = [str(file) for file, _ in parts[part]]
        targets = torch.tensor([target for _, target in parts[part]], dtype=torch.int64)
        names = [file.relative_to(root).as_posix() for file, _ in parts[part]]
        if part in loaded:
            return Split(loaded[part], targets, signature, names)
        return Streamed(load, paths, targets, signature, names=names, workers=workers)

    damaged: list[str] = []

    def pictures(files: Listing) -> Tensor:
        return _loaded(load, files, torch.empty((len(files), *seen.shape), dtype=dtype), damaged)

    loaded = {part: pictures(files) for part, files in parts.items() if fits}
    sample = loaded.get("train")
    if sample is None:
        some = order(len(parts["train"]), seed=0, epoch=0)[:SAMPLE].tolist()
        sample = pictures([parts["train"][i] for i in some])
    refuse(damaged)
    signature = Signature((measured(port, sample),), (output,))
    train, held_back, last = (split(part, signature) for part in ("train", "valid", "test"))
    kept = "memory" if fits else f"on disk; mean and std are of {len(sample)} pictures"
    decided = [*told(root, known, listing, lost), *seen.notes]
    about = {"source": str(root), "pictures": count, "kept": kept, "decided": decided}
    return Dataset("folder", train, held_back, last, signature, about)


def _load(path: str, *, how: Mapping[str, Any], deep: bool) -> Tensor:
    picture = pixels(path, **how)
    return as_port(picture, "image") if deep else picture


def _loaded(
    load: Callable[[str], Tensor], files: Listing, stored: Tensor, damaged: list[str]
) -> Tensor:
    """All pictures; large ones are decoded by a few threads, small ones faster without.

    What cannot be read is added to `damaged`.
    """
    paths = [str(file) for file, _ in files]
    large = bool(files) and files[0][0].stat().st_size > LARGE
    with ThreadPoolExecutor() as pool:
        for index, picture in enumerate((pool.map if large else map)(partial(tried, load), paths)):
            if isinstance(picture, str):
                damaged.append(picture)
            else:
                stored[index] = picture
    return stored
