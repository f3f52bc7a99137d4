"""A dataset of images as PNG files, a folder for each split and class."""

from pathlib import Path

import torch
from PIL import Image

from cartograd.core.errors import UsageError
from cartograd.core.files import write_folder
from cartograd.core.system import named, twice
from cartograd.data.dataset.dataset import Dataset, Examples


def write_pictures(data: Dataset, folder: str | Path, /) -> Path:
    """Write a dataset of images as PNG files, `folder/train/LABEL/000001.png` and so on.

    Pixels that are multiples of 1/255 come back exactly when the folder is read again.

    Raises:
        UsageError: the data are not images, two labels would be one folder, or the folder exists
            or cannot be written.
    """
    if data.signature.input.kind != "image":
        raise UsageError(f"{data.name} does not consist of images; expected an image dataset")
    same = twice(data.signature.output.labels)
    if same is not None:
        raise UsageError(
            f"{data.name} has the labels {same[0]!r} and {same[1]!r}, whose folders would have one "
            "name on this system; rename one of them"
        )
    with write_folder(folder, sync=False) as root:
        for part, split in (("train", data.train), ("valid", data.valid), ("test", data.test)):
            _write_split(split, root / part)
    return Path(folder)


def _write_split(split: Examples, folder: Path) -> None:
    labels = [named(name) for name in split.signature.output.labels]
    for name in labels if len(split) else ():
        (folder / name).mkdir(parents=True)
    batches = split.batches(batch_size=1024, shuffle=False)
    number = 0
    for inputs, targets in batches.epoch(0, seed=0):
        grid = inputs.mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        for picture, target in zip(grid, targets.tolist(), strict=True):
            number += 1
            image = Image.fromarray(picture.squeeze(-1) if picture.shape[-1] == 1 else picture)
            image.save(folder / labels[target] / f"{number:06}.png", compress_level=1)
