"""Models trained once from the command line, for every verb to act on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import cartograd as cg
from cartograd.apps.cli import main
from cartograd.data.dataset.write_images import write_pictures
from tests.commands import Done, command


@dataclass(frozen=True)
class Journey:
    """A model and data from the command line.

    Attributes:
        name: in the names of tests.
        train: the words after `cartograd train`, where `{}` is the folder of the user's files.
        reaches: the limits of a gate that it passes.
        sources: what to predict, made from the folder of the user's files.
        rows: how many examples those are.
        classifies: whether there are classes, which an attack needs.
    """

    name: str
    train: tuple[str, ...]
    reaches: tuple[str, ...]
    sources: Callable[[Path], list[str]]
    rows: int = 2
    classifies: bool = True


def pictures(files: Path) -> list[str]:
    return [str(files / "one.png"), str(files / "two.jpg")]


JOURNEYS = (
    Journey(
        "digits",
        ("lenet5", "--data", "digits", "--epochs", "2"),
        ("--min", "accuracy=0.85"),
        pictures,
    ),
    Journey(
        "breast-cancer",
        ("mlp", "--data", "breast-cancer", "--epochs", "3"),
        ("--min", "accuracy=0.9", "roc-auc=0.97"),
        lambda files: [str(files / "patients.csv")],
    ),
    Journey(
        "csv",
        ("mlp:widths=[32]", "--data", "csv:{}/flats.csv,target=rent", "--epochs", "40"),
        ("--min", "r2=0.9", "--max", "rmse=80"),
        lambda files: [str(files / "new.csv")],
        classifies=False,
    ),
    Journey(
        "pngs",
        ("resnet:depth=8,width=4", "--data", "folder:{}/pngs", "--epochs", "6"),
        ("--min", "accuracy=0.6"),
        pictures,
    ),
    Journey(
        "moons",
        ("mlp", "--data", "moons", "--epochs", "3"),
        ("--min", "accuracy=0.8"),
        lambda _: ["0.5,0.25", "-1 0.5"],
    ),
)


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> Path:
    """What users bring: pictures, tables."""
    folder = tmp_path_factory.mktemp("files")
    digits = cg.dataset("digits")
    few = {part: getattr(digits, part).select(range(n)) for part, n in
           (("train", 300), ("valid", 40), ("test", 60))}  # fmt: skip
    write_pictures(cg.Dataset("few", **few, signature=digits.signature), folder / "pngs")
    for name, size in (("one.png", 8), ("two.jpg", 32)):
        pixels = (few["test"].inputs[0, 0].numpy() * 255).astype(np.uint8)
        Image.fromarray(pixels).resize((size, size)).save(folder / name)
    flats(folder / "flats.csv", rows=400, seed=0)
    flats(folder / "later.csv", rows=100, seed=1)
    flats(folder / "new.csv", rows=2, seed=2)
    patients(folder / "patients.csv")
    return folder


def flats(path: Path, *, rows: int, seed: int) -> None:
    """Rents that follow from size and town, with gaps in both."""
    random = np.random.default_rng(seed)
    lines = ["size,town,rent"]
    for _ in range(rows):
        size, town = random.uniform(20, 120), random.choice(["Bonn", "Oslo", "Lima"])
        rent = 8 * size + {"Bonn": 0, "Oslo": 400, "Lima": -100}[town] + random.normal(0, 20)
        gap = random.random()
        lines.append(
            f"{'' if gap < 0.01 else round(size, 2)},{town if gap < 0.99 else ''},{rent:.2f}"
        )
    path.write_text("\n".join(lines), encoding="utf-8")


def patients(path: Path) -> None:
    """Two rows of the breast cancer table as a CSV file."""
    data = cg.dataset("breast-cancer")
    columns = data.signature.input.columns
    rows = data.test.inputs[:2].tolist()
    cells = [[f * c.std + c.mean for f, c in zip(row, columns, strict=True)] for row in rows]
    header = ",".join(column.name for column in columns)
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in cells)]))


@pytest.fixture(scope="session")
def runs(tmp_path_factory, files) -> Callable[[Journey], Path]:
    """The run folder of a journey, trained at most once in a process."""
    made: dict[str, Path] = {}

    def trained(journey: Journey) -> Path:
        if journey.name not in made:
            folder = tmp_path_factory.mktemp("runs") / journey.name
            words = [word.format(files) for word in journey.train]
            assert main(["train", *words, "--folder", str(folder)]) == 0
            made[journey.name] = folder
        return made[journey.name]

    return trained


@pytest.fixture
def cli_run(monkeypatch, tmp_path, capsys) -> Callable[..., Done]:
    """Runs a command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return command(capsys, monkeypatch)


@pytest.fixture(params=JOURNEYS, ids=[journey.name for journey in JOURNEYS])
def journey(request) -> Any:
    return request.param


@pytest.fixture
def run(journey, runs) -> Path:
    return runs(journey)


@pytest.fixture
def model(run) -> torch.nn.Module:
    return cg.load(run).model
