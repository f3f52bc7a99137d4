"""COCO: pictures whose boxes stand in a JSON file for each part.

`annotations/instances_train.json` beside folders of pictures, as COCO comes (`train2017` is the
train part, too), `train/_annotations.coco.json` beside its pictures, as Roboflow writes it, or one
JSON file for all. A part that has no file is cut from the train part by a hash of the pictures'
paths. Pictures are stretched to a square, and with them the boxes.

Shapes: inputs `n 3 y x` in [0, 1], boxes `n q 9` (`core.boxes`): crowds and areas as annotated.

References:
    Tsung-Yi Lin et al. Microsoft COCO: common objects in context. ECCV 2014.
    https://arxiv.org/abs/1405.0312; the format: https://cocodataset.org/#format-data

>>> from cartograd.data.dataset.listing import SPLITS
>>> part_of("instances_val2017", "annotations"), part_of("_annotations.coco", "train")
('valid', 'train')
"""

import json
import re
from pathlib import Path
from typing import Any, Literal

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.data.dataset.boxed import Boxed, boxed, refuse_faults, sizes_of
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.listing import split_of

CARD = Card(
    name="coco",
    kind="data",
    entry="coco",
    title="Pictures with boxes in COCO's format",
    zh="COCO 格式的图片与边框",
    paper="Microsoft COCO: common objects in context",
    year=2014,
    url="https://arxiv.org/abs/1405.0312",
    proofs=(
        "oracle: pycocotools reads the same boxes, classes, crowds and areas from the file",
        "law: the layouts of COCO and of Roboflow give the same data",
    ),
    tiny={"size": 16},
)


def coco(
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
        path: the folder, or a single JSON file with the pictures beside it.
        size: height and width that pictures are stretched to.
        labels: the classes, where they are known; by default those that boxes are of.
        broken: what is done with boxes that cannot be: refuse, or leave-out.
        valid: share for validation, unless there is a file for it.
        test: share for the test, unless there is a file for it.
        memory: gigabytes that pictures may take; more of them stay on disk.

    Raises:
        UsageError: no such files, none for the train part, or one whose pictures, classes or boxes
            do not fit together.
    """
    root = Path(path)
    files = annotations(root)
    home = root.parent if root.is_file() else root
    read = {part: _document(file) for part, file in files.items()}
    names = {part: _classes(files[part], one) for part, one in read.items()}
    used = [kind for part in read for kind in _used(files[part], read[part], names[part])]
    known = {kind: name for own in names.values() for kind, name in own.items()}
    # Roboflow lists a class of nothing above the others; what no box is of is no class.
    kinds = _in_order(root, {kind: known[kind] for kind in sorted(set(used))}, labels)
    labels = labels or tuple(known[kind] for kind in kinds)
    faults: list[str] = []
    parts = {
        part: _pictures(home, files[part], part, document, kinds, faults)
        for part, document in read.items()
    }
    told = refuse_faults(root, faults, broken)
    args: dict[str, Any] = {"size": size, "valid": valid, "test": test, "memory": memory}
    return boxed("coco", home, parts, labels, **args, decided=told)


def annotations(root: Path, /) -> dict[str, Path]:
    """The JSON file of each part.

    Raises:
        UsageError: there is none for the train part, or two for one part.
    """
    if root.is_file():
        return {"train": root}
    if not root.is_dir():
        raise UsageError(f"{root} is no folder; expected one with annotations/instances_train.json")
    found: dict[str, Path] = {}
    spare: list[str] = []
    for file in sorted([*root.glob("*.json"), *root.glob("*/*.json")]):
        part = part_of(file.stem, file.parent.name)
        if part is None:
            spare.append(file.relative_to(root).as_posix())
        elif part in found and "instances" in found[part].stem:
            continue  # captions and keypoints stand beside them
        elif part in found and "instances" not in file.stem:
            raise UsageError(f"{found[part]} and {file} are both of the {part} part; expected one")
        else:
            found[part] = file
    if "train" not in found and len(spare) == 1 and not found:
        return {"train": root / spare[0]}
    if "train" not in found:
        there = ", ".join([*(f.relative_to(root).as_posix() for f in found.values()), *spare[:3]])
        raise UsageError(
            f"{root} has no boxes to train on (found {there or 'no JSON file'}); expected "
            "annotations/instances_train.json or train/_annotations.coco.json"
        )
    return found


def part_of(stem: str, folder: str, /) -> str | None:
    """The part that a file's name, or its folder's, stands for."""
    words = [word for word in re.split(r"[^a-z]+", f"{stem.lower()} {folder.lower()}") if word]
    return next((part for word in words if (part := split_of(word))), None)


def _document(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{file} cannot be read as JSON: {error}") from error
    for key in ("images", "annotations", "categories"):
        if not isinstance(found, dict) or not isinstance(found.get(key), list):
            raise UsageError(f"{file} has no list {key!r}; expected COCO's format")
    if not found["annotations"]:
        raise UsageError(f"{file} holds no boxes: its list 'annotations' is empty")
    return found


def _classes(file: Path, document: dict[str, Any]) -> dict[int, str]:
    """The name of each class by its id."""
    found: dict[int, str] = {}
    for one in document["categories"]:
        number, name = one.get("id"), str(one.get("name") or "").strip()
        if not name:
            raise UsageError(
                f"{file}: the class {number} has no name; expected one in 'categories'"
            )
        found[number] = name
    return found


def _used(file: Path, document: dict[str, Any], names: dict[int, str]) -> list[int]:
    """The ids of the classes that boxes are of."""
    used = {one.get("category_id") for one in document["annotations"]}
    strange = sorted(used - set(names), key=str)
    if strange:
        raise UsageError(
            f"{file}: a box is of class {strange[0]}, and there is none of that id in "
            f"'categories' ({', '.join(map(str, sorted(names)))[:80]})"
        )
    return sorted(used)


def _in_order(root: Path, names: dict[int, str], labels: tuple[str, ...]) -> dict[int, int]:
    """The number of each id's class: among the known labels, or in the order of the ids.

    Raises:
        UsageError: a box is of a class that is not known.
    """
    for name in names.values() if labels else ():
        if name not in labels:
            raise UsageError(
                f"{root}: a box is of class {name!r}; expected {', '.join(labels)[:80]}"
            )
    order = labels or tuple(names.values())
    return {kind: order.index(name) for kind, name in names.items()}


def _pictures(
    root: Path,
    file: Path,
    part: str,
    document: dict[str, Any],
    kinds: dict[int, int],
    faults: list[str],
) -> list[Boxed]:
    """The pictures of a part with their boxes; what is wrong with boxes is added to `faults`."""
    homes = _homes(root, file, part)
    places = {one.get("id"): _found(homes, str(one.get("file_name", "")), file)
              for one in document["images"]}  # fmt: skip
    sizes = sizes_of(list(places.values()))
    found = {number: Boxed(place, sizes[place]) for number, place in places.items()}
    for one in document["annotations"]:
        picture = found.get(one.get("image_id"))
        if picture is None:
            raise UsageError(
                f"{file}: box {one.get('id')} is of picture {one.get('image_id')}, and there is "
                "none of that id in 'images'"
            )
        sides = one.get("bbox")
        if not isinstance(sides, list) or len(sides) != 4 or not all(map(_is_number, sides)):
            faults.append(f"box {one.get('id')} has bbox {sides}, expected four numbers")
            continue
        left, top, width, height = map(float, sides)
        corners = left, top, left + width, top + height
        area = one.get("area")
        more: dict[str, Any] = {"area": float(area) if _is_number(area) else None}
        crowd = bool(one.get("iscrowd", 0))
        if wrong := picture.add(kinds[one["category_id"]], corners, crowd=crowd, **more):
            faults.append(f"box {one.get('id')} {wrong}")
    return list(found.values())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _homes(root: Path, file: Path, part: str) -> list[Path]:
    """Folders where a part's pictures may lie."""
    inside = [one for home in (root, root / "images") if home.is_dir() for one in home.iterdir()]
    own = [one for one in sorted(inside) if one.is_dir() and part_of(one.name, "") == part]
    return [file.parent, file.parent / "images", *own, *(one / "images" for one in own),
            root / "images", root]  # fmt: skip


def _found(homes: list[Path], name: str, file: Path) -> Path:
    place = next((home / name for home in homes if name and (home / name).is_file()), None)
    if place is None:
        raise UsageError(
            f"{file}: the picture {name!r} is missing; looked for it in {homes[0]}, "
            f"{homes[-2]} and folders of this part"
        )
    return place
