"""Files that lie in one folder for each class, and the splits they belong to."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from cartograd.core.errors import UsageError
from cartograd.data.dataset.copies import split_keys
from cartograd.data.dataset.splits import assign
from cartograd.data.dataset.targets import counted, natural
from cartograd.data.decode.survey import tried

SPLITS = {
    "train": ("train", "training"),
    "valid": ("valid", "val", "validation", "dev"),
    "test": ("test", "testing"),
}
"""Names of folders, in any case, that are splits and not classes; `test_set` is one, too."""

_MORE = re.compile(r"[\W_]*(set|data|split|images)$")

Listing = list[tuple[Path, int]]
"""Files and the numbers of their classes."""


def listed(
    root: Path, suffixes: tuple[str, ...], labels: Sequence[str] = (), /
) -> tuple[list[str], dict[str, Listing]]:
    """The class names, and for each split that has a folder its files and their classes.

    Where `root` has a folder `train` (or `Training`, see `SPLITS`), and others only for further
    splits, these hold the class folders; else `root` does, and everything is listed as `train`. A
    split without class folders has no answers to learn from or to test with, and is left out. So
    are hidden files and folders, and folders that begin with `_`; `told` counts the files.

    Args:
        root: the folder.
        suffixes: of the files wanted, at any depth below a class folder.
        labels: the classes, where they are known; folders of some of them will do.

    Raises:
        UsageError: no such folder, no class folders or only one, a class without files, or one
            that is not among the known.
    """
    if not root.is_dir():
        raise UsageError(f"{root} is no folder; expected one that holds a folder for each class")
    inside = _folders(root)
    named = {part: folder for folder in inside if (part := split_of(folder.name)) is not None}
    own = "train" in named and len(named) == len(inside) and bool(_folders(named["train"]))
    homes = {part: home for part, home in named.items() if _folders(home)} if own else {}
    homes = homes or {"train": root}
    names = [folder.name for folder in _folders(homes["train"])]
    if len(names) < (1 if labels else 2):
        there = f"only {names[0]!r}" if names else "none"
        least = "one of the classes" if labels else "each of at least two classes"
        raise UsageError(f"{homes['train']} has {there}; expected a folder of files for {least}")
    strange = [name for name in names if labels and name not in labels]
    if strange:
        shown = ", ".join(labels[:8]) + (", ..." if len(labels) > 8 else "")
        raise UsageError(
            f"{homes['train']}: the class {strange[0]!r} is none of those known, {shown}; rename "
            "or move the folder"
        )
    labels = list(labels) or names
    index = {label: number for number, label in enumerate(labels)}
    return labels, {part: _listing(home, index, suffixes) for part, home in homes.items()}


def unsorted(root: Path, suffixes: tuple[str, ...], /) -> Listing:
    """The files of a folder without folders in it, as examples of one class; none of any other."""
    if not root.is_dir() or _folders(root):
        return []
    return [(file, 0) for file in _files(root, suffixes)]


def cut(
    root: Path, listing: dict[str, Listing], /, *, valid: float, test: float
) -> dict[str, Listing]:
    """The three splits: as the folders say, the others cut from `train` by a hash of the path.

    Copies of a file under other names are in one split.

    Raises:
        UsageError: there is too little to cut from.
    """
    whole = listing["train"]
    files = [file for file, _ in whole]
    keys = split_keys([file.relative_to(root).as_posix() for file in files], files)
    targets = torch.tensor([target for _, target in whole])
    valid, test = (0.0 if "valid" in listing else valid), (0.0 if "test" in listing else test)
    indices = assign(keys, targets, valid=valid, test=test)
    own = {
        part: [whole[i] for i in index.tolist()]
        for part, index in zip(("train", "valid", "test"), indices, strict=True)
    }
    return own | {part: files for part, files in listing.items() if part != "train"}


def readable(
    labels: Sequence[str], listing: dict[str, Listing], look: Callable[[Path], Any], /
) -> tuple[dict[str, Listing], list[Path]]:
    """The files that can be read, and those that cannot.

    Args:
        labels: the classes.
        listing: files by part.
        look: reads one.

    Raises:
        UsageError: no file of a class can be read for training.
    """
    kept, lost = dict[str, Listing](), list[Path]()
    for part, files in listing.items():
        broken = {file for file, _ in files if isinstance(tried(look, file), str)}
        kept[part] = [(file, target) for file, target in files if file not in broken]
        lost += sorted(broken)
    left = {target for _, target in kept["train"]}
    gone = sorted({target for _, target in listing["train"]} - left)
    if gone:
        raise UsageError(f"no file of the class {labels[gone[0]]!r} can be read")
    return kept, lost


def told(
    root: Path, labels: Sequence[str], listing: dict[str, Listing], lost: Sequence[Path] = (), /
) -> list[str]:
    """Lines on what a folder holds: its classes, and the files that are no examples.

    Args:
        root: the folder.
        labels: the classes.
        listing: what `listed` gave with them.
        lost: files that cannot be read, and were left out.
    """
    found = [labels[target] for files in listing.values() for _, target in files]
    alone = f"{len(found)} files of no class: there are no folders for classes in {root}"
    shown = ", ".join(file.relative_to(root).as_posix() for file in lost[:3])
    more = ", ..." if len(lost) > 3 else ""
    broken = f"left out, {len(lost)} files that cannot be read: {shown}{more}"
    return [
        counted(labels, found) if len(labels) > 1 else alone,
        *([broken] if lost else []),
        *_left_out(root, listing, lost),
    ]


def _left_out(root: Path, listing: dict[str, Listing], lost: Sequence[Path]) -> list[str]:
    """Lines on the files below a folder that are not listed: how many, what they end in, where.

    A folder for a split without folders for the classes has a line of its own.
    """
    known = {file for files in listing.values() for file, _ in files} | set(lost)
    others = [
        file
        for file in sorted(root.rglob("*"))
        if file not in known
        and file.is_file()
        and not any(part[0] == "." for part in file.relative_to(root).parts)
    ]
    flat = [folder for folder in _folders(root) if split_of(folder.name) and not _folders(folder)]
    lines = [
        f"{folder.name}/ has no class folders, so its {inside} files have no answers: the "
        f"{split_of(folder.name)} part is cut from the training files; to use it, sort it into "
        f"folders such as {folder.name}/{example}"
        for folder in flat
        if (inside := sum(folder in file.parents for file in others))
        and (example := min(known).relative_to(root).parts[-2])
    ]
    others = [file for file in others if not any(folder in file.parents for folder in flat)]
    if not others:
        return lines
    endings = Counter(file.suffix.lower() or "without an ending" for file in others)
    counts = ", ".join(f"{count} {ending}" for ending, count in endings.most_common(5))
    shown = ", ".join(file.relative_to(root).as_posix() for file in others[:3])
    told = f"left out, {len(others)} files that are no examples: {counts} (such as {shown})"
    return [*lines, told]


def split_of(name: str, /) -> str | None:
    """The split that a name of a folder, or a cell, stands for.

    >>> split_of("Training"), split_of("test_set"), split_of("latest")
    ('train', 'test', None)
    """
    word = _MORE.sub("", name.lower())
    return next((part for part, names in SPLITS.items() if word in names), None)


def _listing(home: Path, place: dict[str, int], suffixes: tuple[str, ...]) -> Listing:
    listing: Listing = []
    for folder in _folders(home):
        if folder.name not in place:
            raise UsageError(f"{folder}: there is no class {folder.name!r} in the training folder")
        files = _files(folder, suffixes)
        if not files:
            raise UsageError(
                f"the class folder {folder} has no files; expected {', '.join(suffixes)}: add "
                "some or remove the folder"
            )
        listing += [(file, place[folder.name]) for file in files]
    return listing


def _files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in suffixes and not file.name.startswith(".")
    )


def _folders(path: Path) -> list[Path]:
    folders = [item for item in path.iterdir() if item.is_dir() and item.name[0] not in "._"]
    return sorted(folders, key=lambda folder: natural(folder.name))
