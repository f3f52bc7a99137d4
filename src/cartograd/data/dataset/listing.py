"""Files that lie in one folder for each class, and the splits they belong to."""

from pathlib import Path

import torch

from cartograd.core.errors import UsageError
from cartograd.data.dataset.splits import assign
from cartograd.data.dataset.targets import natural

SPLITS = {"train": "train", "valid": "valid", "val": "valid", "validation": "valid", "test": "test"}
"""Names of folders that are splits and not classes."""

Listing = list[tuple[Path, int]]
"""Files and the numbers of their classes."""


def listed(root: Path, suffixes: tuple[str, ...], /) -> tuple[list[str], dict[str, Listing]]:
    """The class names, and for each split that has a folder its files and their classes.

    Where `root` has a folder `train`, and others only for further splits, these hold the class
    folders; else `root` does, and everything is listed as `train`. Hidden files and folders, and
    folders that begin with `_`, are left out.

    Args:
        root: the folder.
        suffixes: of the files wanted, at any depth below a class folder.

    Raises:
        UsageError: no such folder, no class folders or only one, or a class without files.
    """
    if not root.is_dir():
        raise UsageError(f"{root} is no folder; expected one that holds a folder for each class")
    inside = _folders(root)
    named = {SPLITS[folder.name]: folder for folder in inside if folder.name in SPLITS}
    own = "train" in named and len(named) == len(inside) and bool(_folders(named["train"]))
    homes = named if own else {"train": root}
    labels = [folder.name for folder in _folders(homes["train"])]
    if len(labels) < 2:
        there = f"only {labels[0]!r}" if labels else "none"
        raise UsageError(
            f"{homes['train']} has {there}; expected a folder of files for each of at least two "
            "classes"
        )
    index = {label: number for number, label in enumerate(labels)}
    return labels, {part: _listing(home, index, suffixes) for part, home in homes.items()}


def cut(
    root: Path, listing: dict[str, Listing], /, *, valid: float, test: float
) -> dict[str, Listing]:
    """The three splits: as the folders say, the others cut from `train` by a hash of the path.

    Raises:
        UsageError: there is too little to cut from.
    """
    whole = listing["train"]
    keys = [file.relative_to(root).as_posix() for file, _ in whole]
    targets = torch.tensor([target for _, target in whole])
    valid, test = (0.0 if "valid" in listing else valid), (0.0 if "test" in listing else test)
    indices = assign(keys, targets, valid=valid, test=test)
    own = {
        part: [whole[i] for i in index.tolist()]
        for part, index in zip(("train", "valid", "test"), indices, strict=True)
    }
    return own | {part: files for part, files in listing.items() if part != "train"}


def _listing(home: Path, place: dict[str, int], suffixes: tuple[str, ...]) -> Listing:
    listing: Listing = []
    for folder in _folders(home):
        if folder.name not in place:
            raise UsageError(f"{folder}: there is no class {folder.name!r} in the training folder")
        files = sorted(
            file
            for file in folder.rglob("*")
            if file.suffix.lower() in suffixes and not file.name.startswith(".")
        )
        if not files:
            raise UsageError(
                f"the class folder {folder} has no files; expected {', '.join(suffixes)}: add "
                "some or remove the folder"
            )
        listing += [(file, place[folder.name]) for file in files]
    return listing


def _folders(path: Path) -> list[Path]:
    folders = [item for item in path.iterdir() if item.is_dir() and item.name[0] not in "._"]
    return sorted(folders, key=lambda folder: natural(folder.name))
