r"""YOLO: pictures with a text file of boxes for each.

`data.yaml` says what the classes are called and where the pictures of each part lie; the boxes of
`images/train/a.jpg` stand in `labels/train/a.txt`, a line each: the class's number, and the middle,
width and height as shares of the picture. Outlines of more points become the box around them. A
picture without a text file shows nothing. A part that is not named is cut from the train part by a
hash of the pictures' paths. Pictures are stretched to a square, and with them the boxes.

Shapes: inputs `n 3 y x` in [0, 1], boxes `n q 9` (`core.boxes`).

References:
    Glenn Jocher et al. Ultralytics YOLO: object detection datasets. 2023.
    https://docs.ultralytics.com/datasets/detect

>>> settings("names: [cat, dog]\ntrain: images/train")
{'names': ['cat', 'dog'], 'train': 'images/train'}
"""

import math
import re
from pathlib import Path
from typing import Any, Literal

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.data.dataset.boxed import Boxed, boxed, refuse_faults, sizes_of
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.decode.images import SUFFIXES

CARD = Card(
    name="yolo",
    kind="data",
    entry="yolo",
    title="Pictures with boxes in YOLO's format",
    zh="YOLO 格式的图片与边框",
    paper="Ultralytics YOLO",
    year=2023,
    url="https://docs.ultralytics.com/datasets/detect",
    proofs=("law: the same boxes in COCO's format give the same data",),
    tiny={"size": 16},
)

KEYS = {"train": ("train",), "valid": ("val", "valid"), "test": ("test",)}
"""What `data.yaml` calls the parts."""


def yolo(
    path: str | Path,
    /,
    *,
    size: int = 128,
    labels: tuple[str, ...] = (),
    broken: Literal["refuse", "leave-out"] = "refuse",
    valid: float = 0.1,
    test: float = 0.2,
    memory: float = 4.0,
) -> Dataset:
    """Pictures and their boxes from files.

    Args:
        path: the folder of `data.yaml`, or that file.
        size: height and width that pictures are stretched to.
        labels: the classes, where they are known; by default those of data.yaml.
        broken: what is done with boxes that cannot be: refuse, or leave-out.
        valid: share for validation, unless there is a part for it.
        test: share for the test, unless there is a part for it.
        memory: gigabytes that pictures may take; more of them stay on disk.

    Raises:
        UsageError: no such files, classes without names, or boxes that do not fit to them.
    """
    root, file, told = _settings_of(Path(path))
    own = _names(file, told)
    strange = [name for name in own if labels and name not in labels]
    if strange:
        raise UsageError(f"{file}: the class {strange[0]!r} is none of {', '.join(labels)[:80]}")
    labels = labels or tuple(own)
    kinds = [labels.index(name) for name in own]
    faults: list[str] = []
    parts = {}
    for part, keys in KEYS.items():
        given = next((told[key] for key in keys if told.get(key)), None)
        if given is not None:
            pictures = _listed(root, file, told, part, given)
            parts[part] = _with_boxes(pictures, kinds, faults)
    if "train" not in parts:
        raise UsageError(f"{file} names no train part; expected a line such as train: images/train")
    decided = refuse_faults(root, faults, broken)
    args: dict[str, Any] = {"size": size, "valid": valid, "test": test, "memory": memory}
    return boxed("yolo", root, parts, labels, **args, decided=decided)


def settings(text: str, /) -> dict[str, Any]:
    r"""The settings of a `data.yaml`: words, lists and numbered names, each after its key.

    >>> settings("path: x\nnames:\n  0: cat\n  1: 'big dog'  # of two\nval: [a, b]")
    {'path': 'x', 'names': {'0': 'cat', '1': 'big dog'}, 'val': ['a', 'b']}
    """
    found: dict[str, Any] = {}
    key = ""
    for line in text.splitlines():
        bare = re.sub(r"(^|\s)#.*$", "", line).rstrip()
        word = bare.strip()
        if not word or word == "---":
            continue
        if word.startswith("- ") and key:
            found[key] = [*(found[key] or []), _plain(word[2:])]
            continue
        name, _, value = (one.strip() for one in word.partition(":"))
        if bare[0].isspace() and key:
            found[key] = {**(found[key] or {}), _plain(name): _plain(value)}
            continue
        key = name
        if value[:1] in ("[", "{"):
            inside = [one.strip() for one in value.strip("[]{}").split(",") if one.strip()]
            pairs = [one.partition(":") for one in inside]
            found[key] = (
                [_plain(one) for one in inside] if value[0] == "["
                else {_plain(a.strip()): _plain(b.strip()) for a, _, b in pairs}
            )  # fmt: skip
        else:
            found[key] = _plain(value)
    return found


def _plain(word: str) -> str:
    return word.strip().strip("'\"")


def _settings_of(path: Path) -> tuple[Path, Path, dict[str, Any]]:
    """The folder, its file of settings, and what that says."""
    names = [path] if path.is_file() else [path / "data.yaml", path / "data.yml",
                                            *sorted(path.glob("*.y*ml"))]  # fmt: skip
    file = next((name for name in names if name.is_file()), None)
    if file is None:
        raise UsageError(
            f"{path} has no data.yaml, so its classes have no names; expected one with lines such "
            "as names: [cat, dog] and train: images/train"
        )
    try:
        return file.parent, file, settings(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error


def _names(file: Path, told: dict[str, Any]) -> list[str]:
    given = told.get("names") or []
    if isinstance(given, dict):
        numbers = sorted(given, key=lambda key: (len(key), key))
        if numbers != [str(i) for i in range(len(numbers))]:
            raise UsageError(f"{file}: names are numbered {', '.join(numbers)}; expected 0, 1, ...")
        given = [given[number] for number in numbers]
    if not given or not isinstance(given, list) or not all(given):
        raise UsageError(
            f"{file}: classes without names; expected a line such as names: [cat, dog]"
        )
    count = told.get("nc")
    if count is not None and str(count) != str(len(given)):
        raise UsageError(f"{file}: nc says {count} classes, and {len(given)} have names")
    return given


def _listed(root: Path, file: Path, told: dict[str, Any], part: str, given: Any) -> list[Path]:
    """The pictures of a part: those of its folders, or of lists of files."""
    found: list[Path] = []
    base = root / str(told.get("path") or ".")
    for word in given if isinstance(given, list) else [given]:
        # Roboflow writes ../train/images where train/images is meant.
        tries = [base / word, root / word, root / re.sub(r"^(\.\./)+", "", word)]
        place = next((one for one in tries if one.exists()), None)
        if place is None:
            raise UsageError(f"{file}: the {part} part is in {word}, and there is no {tries[-1]}")
        if place.is_dir():
            found += sorted(one for one in place.rglob("*") if one.suffix.lower() in SUFFIXES)
        else:
            lines = place.read_text(encoding="utf-8").split("\n")
            found += [place.parent / line.strip() for line in lines if line.strip()]
    if not found:
        raise UsageError(f"{file}: the {part} part ({given}) holds no pictures")
    return found


def _with_boxes(pictures: list[Path], kinds: list[int], faults: list[str]) -> list[Boxed]:
    """The pictures with the boxes of their text files."""
    sizes = sizes_of(pictures)
    found = []
    for picture in pictures:
        own = Boxed(picture, sizes[picture])
        words = list(picture.with_suffix(".txt").parts)
        for at in range(len(words) - 1, -1, -1):
            if words[at] == "images":
                words[at] = "labels"
                break
        text = Path(*words)
        lines = text.read_text(encoding="utf-8").splitlines() if text.is_file() else []
        for number, line in enumerate(lines, start=1):
            if line.strip() and (wrong := _add(own, line.split(), kinds)):
                faults.append(f"{text.name} line {number} {wrong}")
        found.append(own)
    return found


def _add(own: Boxed, words: list[str], kinds: list[int]) -> str:
    """Take the box of a line; what is wrong with it, if it is not taken."""
    try:
        kind, *shares = map(float, words)
    except ValueError:
        return f"is {' '.join(words)[:40]!r}, expected numbers"
    if kind not in range(len(kinds)):
        return f"is of class {kind:g}, expected 0 to {len(kinds) - 1}"
    width, height = own.size
    if len(shares) == 4:
        x, y, wide, high = shares
        corners = [x - wide / 2, y - high / 2, x + wide / 2, y + high / 2]
    elif len(shares) >= 6 and len(shares) % 2 == 0:
        xs, ys = shares[0::2], shares[1::2]
        corners = [min(xs), min(ys), max(xs), max(ys)]
    else:
        return f"has {len(shares)} numbers after the class, expected 4 or an outline"
    if not all(map(math.isfinite, corners)):
        return "has a number that is not finite"
    scaled = [share * side for share, side in zip(corners, (width, height) * 2, strict=True)]
    return own.add(kinds[int(kind)], scaled)
