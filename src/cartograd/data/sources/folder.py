"""A folder of pictures, one folder for each class.

`PATH/cat/1.png` is an example of the class `cat`; pictures may lie deeper. Where PATH has folders
`train`, and perhaps `valid` and `test`, which hold the class folders, they are the splits; a split
that is not there is cut from `train` by a hash of the file's path within PATH. Pictures are kept
as uint8; where they would take more than `memory`, they stay on disk and are read as needed.

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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Examples, Split
from cartograd.data.dataset.listing import Listing, cut, left_out, listed
from cartograd.data.dataset.plan import order
from cartograd.data.dataset.statistics import measured
from cartograd.data.dataset.streamed import Streamed
from cartograd.data.decode.images import GREY, SUFFIXES, header, pixels

CARD = Card(
    name="folder",
    kind="data",
    entry="folder",
    title="A folder of pictures, one folder for each class",
    zh="图片文件夹(每类一个子文件夹)",
    paper="Deng et al., ImageNet",
    year=2009,
    url="https://doi.org/10.1109/CVPR.2009.5206848",
    proofs=(
        "law: pictures written from a dataset come back with the same pixels and classes",
        "law: files keep their split when others are added",
    ),
)

P = TypeVar("P")
T = TypeVar("T")

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
    valid: float = 0.1,
    test: float = 0.2,
    memory: float = 4.0,
    workers: int = 0,
) -> Dataset:
    """Pictures from files.

    Args:
        path: the folder that holds the class folders, or `train`, `valid`, `test` folders.
        size: height and width to bring the pictures to; by default that of the pictures, which
            then must all be of one size.
        channels: 1 for grey, 3 for colour; by default 1 if all pictures are grey.
        valid: share for validation, unless there is a `valid` folder.
        test: share for testing, unless there is a `test` folder.
        memory: GiB that the pictures may take in memory; above it they are read as needed.
        workers: processes that read ahead when they are; 0 reads in this one.

    Raises:
        UsageError: there is no such folder, a class has no pictures, there is only one class, a
            picture cannot be read or is of another size; the file is named.
    """
    root = Path(path)
    labels, listing = listed(root, SUFFIXES)
    shape = _shape([file for files in listing.values() for file, _ in files], size, channels)
    port = Port("image", "image", shape, bounds=(0.0, 1.0))
    output = Port("class", "label", (len(labels),), labels=tuple(labels), task="classify")
    load = partial(_load, channels=shape[0], height=shape[1], width=shape[2])
    parts = cut(root, listing, valid=valid, test=test)
    count = sum(map(len, parts.values()))
    fits = count * math.prod(shape) <= memory * 2**30

    def split(part: str, signature: Signature) -> Examples:
        paths = [str(file) for file, _ in parts[part]]
        targets = torch.tensor([target for _, target in parts[part]], dtype=torch.int64)
        names = [file.relative_to(root).as_posix() for file, _ in parts[part]]
        if part in loaded:
            return Split(loaded[part], targets, signature, names)
        return Streamed(load, paths, targets, signature, names=names, workers=workers)

    damaged: list[str] = []
    loaded = {part: _loaded(load, files, shape, damaged) for part, files in parts.items() if fits}
    sample = loaded.get("train")
    if sample is None:
        some = order(len(parts["train"]), seed=0, epoch=0)[:SAMPLE].tolist()
        sample = _loaded(load, [parts["train"][i] for i in some], shape, damaged)
    _refuse(damaged)
    signature = Signature((measured(port, sample),), (output,))
    train, held_back, last = (split(part, signature) for part in ("train", "valid", "test"))
    kept = "memory" if fits else f"on disk; mean and std are of {len(sample)} pictures"
    decided = left_out(root, listing)
    about = {"source": str(root), "pictures": count, "kept": kept, "decided": decided}
    return Dataset("folder", train, held_back, last, signature, about)


def _shape(files: list[Path], size: int | None, channels: int | None) -> tuple[int, int, int]:
    """Channels, height and width: as given, or as all pictures have them."""
    if channels not in (None, 1, 3):
        raise UsageError(f"channels={channels} is out of range; expected 1 (grey) or 3 (colour)")
    if size is not None and channels is not None:
        return channels, size, size
    first, colour = None, False
    seen = [_tried(header, file) for file in files]
    _refuse([one for one in seen if isinstance(one, str)])
    for file, one in zip(files, seen, strict=True):
        assert not isinstance(one, str)
        (width, height), mode = one
        colour = colour or mode not in GREY
        first = first or (width, height)
        if size is None and (width, height) != first:
            raise UsageError(
                f"the pictures differ in size: {files[0]} is {first[0]} x {first[1]}, {file} is "
                f"{width} x {height}; give the size to bring them to, such as size=64"
            )
    width, height = (size, size) if size is not None else first or (0, 0)
    return channels or (3 if colour else 1), height, width


def _load(path: str, *, channels: int, height: int, width: int) -> Tensor:
    return pixels(path, channels=channels, height=height, width=width)


def _loaded(
    load: Callable[[str], Tensor],
    files: Listing,
    shape: tuple[int, int, int],
    damaged: list[str],
) -> Tensor:
    """All pictures; large ones are decoded by a few threads, small ones faster without.

    What cannot be read is added to `damaged`.
    """
    stored = torch.empty((len(files), *shape), dtype=torch.uint8)
    paths = [str(file) for file, _ in files]
    large = bool(files) and files[0][0].stat().st_size > LARGE
    with ThreadPoolExecutor() as pool:
        tried = (pool.map if large else map)(partial(_tried, load), paths)
        for index, picture in enumerate(tried):
            if isinstance(picture, str):
                damaged.append(picture)
            else:
                stored[index] = picture
    return stored


def _tried(load: Callable[[P], T], path: P) -> T | str:
    """What is loaded from a picture, or why there is none."""
    try:
        return load(path)
    except UsageError as error:
        return str(error)


def _refuse(damaged: list[str]) -> None:
    """All that is wrong at once, so that it is mended at once."""
    damaged = sorted(damaged)
    if len(damaged) == 1:
        raise UsageError(damaged[0])
    if damaged:
        more = f" and {len(damaged) - 10} more" if len(damaged) > 10 else ""
        raise UsageError(f"{len(damaged)} pictures: " + "; ".join(damaged[:10]) + more)
