"""Twelve unlike sets, small, and for each five settings as somebody who knows would type them.

What is not a source by itself is written into a folder: every file follows from a set that the
store has, by a hash of names or of row numbers, so that it is the same wherever it is made.
"""

import csv
import re
import shutil
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

Hand = tuple[str, dict[str, Any]]
"""A model and the settings of its training that somebody types; the rest is as `train` has it."""

SLOW, FAST = {"optimizer": "adamw:lr=1e-3"}, {"optimizer": "adamw:lr=1e-2"}

TABLES: tuple[Hand, ...] = (
    ("mlp", {}),
    (
        "mlp:widths=[32],dropout=0.5",
        {"optimizer": "adamw:lr=1e-3,weight_decay=0.1", "epochs": 15, "decay": "all"},
    ),
    ("boosted-trees", {}),
    ("boosted-trees:trees=200,depth=3,shrinkage=0.05", {}),
    ("random-forest:trees=20,depth=8", {}),
)
SMALL: tuple[Hand, ...] = (
    ("lenet5", {}),
    ("lenet5", {"epochs": 12, "augment": "crop:padding=1"}),
    ("resnet:depth=8,width=16", {"epochs": 6}),
    ("resnet:depth=8,width=16", FAST | {"epochs": 5, "augment": "crop:padding=1"}),
    ("mlp", {}),
)
PHOTOS: tuple[Hand, ...] = (
    ("efficientnet-lite0-imagenet", {"epochs": 4, "freeze": True}),
    ("efficientnet-lite0-imagenet", SLOW | {"epochs": 1}),
    ("resnet:depth=8,width=16", {"epochs": 6, "augment": "flip,crop:padding=4"}),
    ("resnet:depth=14,width=16", {"epochs": 3}),
    ("mlp", {"epochs": 10}),
)
CHINESE: tuple[Hand, ...] = (
    ("lstm", {"epochs": 4}),
    ("lstm", SLOW | {"epochs": 5}),
    ("lstm:bidirectional=true", {"epochs": 3}),
    ("gru", {"epochs": 4}),
    ("bert-tiny", SLOW | {"epochs": 3}),
)
ENGLISH: tuple[Hand, ...] = (
    ("minilm", {"freeze": True}),
    ("minilm", {"epochs": 1}),
    ("lstm", {"epochs": 6}),
    ("gru", {"epochs": 6}),
    ("bert-tiny", SLOW | {"epochs": 4}),
)
SOUNDS: tuple[Hand, ...] = (
    ("mel-resnet", {"epochs": 4}),
    ("mel-resnet", SLOW | {"epochs": 4}),
    ("mel-resnet:width=32", {"epochs": 2}),
    ("mel-resnet:n_mels=40", {"epochs": 5}),
    ("mlp", {"epochs": 5}),
)
SERIES: tuple[Hand, ...] = (
    ("exponential-smoothing", {}),
    ("seasonal-naive", {}),
    ("n-beats", {"epochs": 15}),
    ("lstm-forecaster", {"epochs": 15}),
    ("patchtst", {"epochs": 8}),
)


class Set(NamedTuple):
    """Data, how they are read by hand, and five settings.

    Attributes:
        data: as `train auto` gets them; `SEED` in a table's name is that of its parts.
        hands: models with their settings.
        read: as `train MODEL` gets them, where that has to say more.
    """

    data: str
    hands: tuple[Hand, ...]
    read: str = ""


SETS = {
    "tumours": Set("csv:tumours-SEED.csv,target=diagnosis", TABLES),
    "loans": Set("csv:loans-SEED.csv,target=Class", TABLES),
    "rare loans with ids and dates": Set("csv:rare-SEED.csv,target=paid", TABLES),
    "digits": Set("digits", SMALL),
    "clothes": Set("fashion-mnist:size=14,examples=6000", SMALL),
    "clip art": Set("clip-art:size=64", PHOTOS),
    "pictures of mixed sizes": Set(
        "folder:pictures,test=0.3", PHOTOS, "folder:pictures,size=64,test=0.3"
    ),
    "Chinese reviews": Set("zh-reviews:reviews,context=60,test=0.3", CHINESE),
    "English lines": Set("csv:lines.csv,target=section,text=line,test=0.3", ENGLISH),
    "voices in five languages": Set("prompts:seconds=1", SOUNDS),
    "CO2": Set("co2", SERIES),
    "temperatures": Set(
        "series:seattle-weather,time=date,target=temp_max,covariates=[temp_min,precipitation,wind]",
        SERIES,
    ),
}  # fmt: skip

KINDS = ("food-drink", "smileys-emotion", "animals-nature", "symbols")
SIDES = (24, 40, 64, 96)
"""Groups of emoji, and the sides, in pixels, that their pictures have by turns."""

SECTIONS = ("games", "science", "sound", "fonts", "net", "python")
LINES, REVIEWS = 300, 2000
"""Packages of each section, and reviews of each kind."""


def number(name: str, /) -> int:
    """A number that a name always has, below 10,000.

    >>> number("a"), number("b")
    (3499, 1965)
    """
    return int(sha256(name.encode()).hexdigest(), 16) % 10_000


def write(folder: Path, seeds: Sequence[int], /) -> None:
    """All files that the sets need, into a folder; tables with parts of their own for each seed."""
    for make in (pictures, reviews, lines):
        make(folder)
    for seed in seeds:
        for table in (tumours, loans, rare):
            table(folder, seed)


def tumours(folder: Path, seed: int, /) -> None:
    """The tumours of scikit-learn, a tenth of them for validation and a fifth for testing."""
    from cartograd.data.sources.breast_cancer import NAMES
    from cartograd.data.store.embedded import read

    _, *rows = csv.reader(read("breast_cancer.csv")[0].splitlines())
    head = [*NAMES, "diagnosis"]
    _parted(folder / f"tumours-{seed}.csv", head, rows, seed, valid=0.1, test=0.2)


def loans(folder: Path, seed: int, /) -> None:
    """Loans, of which one in twenty is not paid back."""
    _parted(folder / f"loans-{seed}.csv", *_loans(), seed, valid=0.2, test=0.4)


def _loans() -> tuple[list[str], list[list[str]]]:
    from cartograd.data.store import packages

    with (packages.where("lending-club") / "lending_club.csv").open(encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    return head, rows


def rare(folder: Path, seed: int, /) -> None:
    """Loans, of which one in fifty is not paid back, with a number and a day each.

    All that were paid, and two in five of the others; numbers and days tell nothing.
    """
    head, rows = _loans()
    made = []
    for at, row in enumerate(rows):
        drawn = number(f"loan {at}")
        if row[-1] == "good" or drawn < 4000:
            day = f"2016-{1 + drawn % 12:02d}-{1 + drawn // 12 % 28:02d}"
            made.append([f"LC-{drawn:04d}-{at:05d}", day, *row])
    named = ["loan_id", "issued", *head[:-1], "paid"]
    _parted(folder / f"rare-{seed}.csv", named, made, seed, valid=0.2, test=0.4)


def _parted(
    path: Path, head: list[str], rows: list[list[str]], seed: int, *, valid: float, test: float
) -> None:
    """A table with a column `split`: of other rows for each seed, so that few test rows do not
    decide alone."""
    places = [number(f"part {seed} {at}") / 10_000 for at in range(len(rows))]
    parts = ["test" if x < test else "valid" if x < test + valid else "train" for x in places]
    _table(path, [*head, "split"], [[*row, part] for row, part in zip(rows, parts, strict=True)])


def pictures(folder: Path, /) -> None:
    """Emoji of four groups as PNG files of four sizes."""
    import cartograd as cg
    from cartograd.data.sources.emoji import CATEGORIES

    shutil.rmtree(folder / "pictures", ignore_errors=True)
    data = cg.dataset("emoji:size=96,target=category")
    for part in (data.train, data.valid, data.test):
        for at, (name, y) in enumerate(zip(part.names, part.targets.tolist(), strict=True)):
            if CATEGORIES[y] not in KINDS:
                continue
            pixels = (255 * part.select([at]).inputs[0]).round().byte().permute(1, 2, 0)
            side = SIDES[number(name) % len(SIDES)]
            path = folder / "pictures" / CATEGORIES[y] / f"{re.sub('[^a-z0-9]+', '-', name)}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.numpy()).resize((side, side)).save(path)


def reviews(folder: Path, /) -> None:
    """The first Chinese reviews of each kind by their hashes."""
    from cartograd.data.store import packages

    (folder / "reviews").mkdir(exist_ok=True)
    for name in ("neg.txt", "pos.txt"):
        every = (packages.where("zh-reviews") / name).read_text(encoding="utf-8").splitlines()
        some = sorted(dict.fromkeys(every), key=lambda line: (number(line), line))[:REVIEWS]
        (folder / "reviews" / name).write_text("\n".join(some) + "\n", encoding="utf-8")


def lines(folder: Path, /) -> None:
    """A line on what a package is for, and its section."""
    from cartograd.data.store import packages

    place = packages.where("debian-descriptions")
    index, texts = (
        (place / name).read_text(encoding="utf-8") for name in ("Packages", "Translation-en")
    )
    said = dict(re.findall(r"^Package: (\S+)\n(?:.+\n)*?Description-en: (.+)$", texts, re.M))
    found: dict[str, list[str]] = {one: [] for one in SECTIONS}
    for name, section in re.findall(r"^Package: (\S+)\n(?:.+\n)*?Section: (\S+)$", index, re.M):
        if section in found and name in said:
            found[section].append(said[name])
    rows = [
        [section, line]
        for section, every in found.items()
        for line in sorted(set(every), key=lambda line: (number(line), line))[:LINES]
    ]
    _table(folder / "lines.csv", ["section", "line"], rows)


def _table(path: Path, head: list[str], rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])
