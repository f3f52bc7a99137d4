"""What came of a league: a row for each model and each control, with its flags."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from cartograd.core.files import write_file
from cartograd.core.notebook import drawn

COVERED, NEW, CHANCES = 0.3, 0.7, 2.0
"""Below this coverage kinds are missing; below this ratio examples are copies; and below so many
times chance a model does not heed the class."""

HEAD = {
    "name": "model", "parameters": "parameters", "train": "train CPU-s", "steps": "steps",
    "ms": "ms each",
    "nfe": "NFE", "nfid": "nFID", "kid": "KID", "precision": "P", "recall": "R", "density": "D",
    "coverage": "C", "is": "IS", "accuracy": "class acc.", "cas": "CAS", "c2st": "C2ST",
    "memorisation": "NN ratio", "copies": "copies", "bits": "bits/dim", "kind": "kind",
    "flags": "flags",
}  # fmt: skip
"""The columns, by the names of figures."""

DIGITS = {
    "train": 0, "steps": 0, "ms": 2, "nfid": 1, "kid": 0, "precision": 2, "recall": 2, "density": 2,
    "coverage": 2, "is": 2, "accuracy": 3, "cas": 3, "c2st": 2, "memorisation": 2, "copies": 2,
    "bits": 2,
}  # fmt: skip
"""Decimals of each column."""


@dataclass(frozen=True)
class Row:
    """A model or a control.

    Attributes:
        name: what it is.
        each: what each seed gave, by the names of `HEAD`; None where there is no such figure.
        control: whether no model made it.
        failed: why there are no figures.
        pictures: some of its examples.
    """

    name: str
    each: tuple[dict[str, Any], ...] = ()
    control: bool = False
    failed: str = ""
    pictures: Float[Tensor, "n c y x"] | None = field(default=None, repr=False, compare=False)

    @property
    def figures(self) -> dict[str, Any]:
        """The mean of each figure over the seeds; words, which are the same for all, as they are.

        >>> Row("a", ({"nfid": 1.0, "kind": "elbo"}, {"nfid": 2.0, "kind": "elbo"})).figures
        {'nfid': 1.5, 'kind': 'elbo'}
        """
        means = {}
        for key in self.each[0] if self.each else ():
            values = [one[key] for one in self.each]
            same = all(value == values[0] for value in values)
            means[key] = values[0] if same else statistics.fmean(values)
        return means

    @property
    def spread(self) -> dict[str, float]:
        """The standard deviation of each figure over the seeds, where there are several.

        >>> Row("a", ({"nfid": 1.0, "kind": "elbo"}, {"nfid": 3.0, "kind": "elbo"})).spread
        {'nfid': 1.4142135623730951}
        """
        if len(self.each) < 2:
            return {}
        return {
            key: statistics.stdev(one[key] for one in self.each)
            for key, value in self.each[0].items()
            if isinstance(value, int | float)
        }

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """A 95 % interval of each mean over the seeds, where there are several.

        >>> Row("a", ({"nfid": 1.0}, {"nfid": 2.0}, {"nfid": 3.0})).intervals
        {'nfid': (-0.484, 4.484)}
        """
        sides = {key: reach(len(self.each)) * one for key, one in self.spread.items()}
        means = self.figures
        return {
            key: (round(means[key] - one, 3), round(means[key] + one, 3))
            for key, one in sides.items()
        }

    def flags(self, classes: int, /) -> list[str]:
        """What a reader has to know before comparing, and of how many seeds, if not of all.

        >>> poor = {"coverage": 0.1, "memorisation": 0.2, "accuracy": 0.1}
        >>> Row("a", (poor,)).flags(10)
        ['collapse', 'copies', 'no class']
        >>> Row("a", (poor, poor | {"coverage": 0.5, "accuracy": 0.9})).flags(10)
        ['collapse (1 of 2 seeds)', 'copies', 'no class (1 of 2 seeds)']
        """
        if self.failed:
            return [self.failed]
        found = [_flags(one, classes) for one in self.each]
        counts = {name: sum(name in one for one in found) for name in FLAGS}
        return [
            name if count == len(found) else f"{name} ({count} of {len(found)} seeds)"
            for name, count in counts.items()
            if count
        ]

    def cells(self, classes: int, columns: Sequence[str] = tuple(HEAD), /) -> list[str]:
        """The row of the table, as texts."""
        texts = {"name": self.name, "flags": "; ".join(self.flags(classes))}
        for key in columns:
            value = self.figures.get(key)
            if key not in texts:
                texts[key] = "–" if value in (None, "") else _text(key, value, self.spread.get(key))
        return [texts[key] for key in columns]


FLAGS = ("collapse", "copies", "no class")


def reach(seeds: int, /) -> float:
    """How many standard deviations of so many seeds a 95 % interval of their mean reaches.

    >>> round(reach(3), 2)
    2.48
    """
    from scipy.special import stdtrit

    return float(stdtrit(seeds - 1, 0.975)) / seeds**0.5


def _flags(figures: dict[str, Any], classes: int) -> list[str]:
    """Those of one seed."""
    accuracy = figures["accuracy"]
    found = (
        figures["coverage"] < COVERED,
        figures["memorisation"] < NEW,
        accuracy is not None and accuracy < CHANCES / classes,
    )
    return [name for name, holds in zip(FLAGS, found, strict=True) if holds]


def _text(key: str, value: Any, spread: float | None = None) -> str:
    if isinstance(value, str):
        return value
    if key not in DIGITS:
        return f"{value:,}"
    text = f"{value:,.{DIGITS[key]}f}"
    if key == "ms" and spread is None:
        return f"{text}, once"
    return text if spread is None else f"{text} ± {spread:,.{DIGITS[key]}f}"


@dataclass(frozen=True)
class League:
    """Generative models that were trained alike, by the same judges.

    Attributes:
        data: what they learned.
        budget: processor seconds of each training.
        count: drawn examples of each row.
        real: real ones that these are compared with.
        seeds: of the trainings and drawings.
        judges: digest of the judges.
        classes: how many there are.
        rows: the models, the best nFID first, then the controls.
        repeat: the command line that makes the same again.
    """

    data: str
    budget: float
    count: int
    real: int
    seeds: tuple[int, ...]
    judges: str
    classes: int
    rows: Sequence[Row]
    repeat: str = ""

    def rules(self) -> str:
        """How it was measured, in a few sentences."""
        seeds = ", ".join(map(str, self.seeds))
        often = (
            f"once (seed {seeds})"
            if len(self.seeds) == 1
            else f"with each of the seeds {seeds}: means ± standard deviations, of which a 95 % "
            f"interval of the mean (Student's t) reaches {reach(len(self.seeds)):.2f} either way"
        )
        return (
            f"Each model learned {self.data} for {self.budget:g} processor seconds (validation "
            "counted in; the rate falls to 0 within them, but for games, which keep theirs; the "
            f"weights of the best epoch), drew {self.count:,} examples at temperature 1 without "
            f"guidance, {often}. They were compared with {self.real:,} training examples by the "
            "features of one judge; a judge of another design says the classes (judges "
            f"{self.judges}). nFID and KID are of {self.count:,} examples: compare them with no "
            "other number of examples. Neither precision nor nFID alone says that a model is "
            "good: noise may be precise, and who has learned by heart has a low nFID."
        )

    def table(self, columns: Sequence[str] = tuple(HEAD), /) -> tuple[list[str], list[list[str]]]:
        """The heads of the columns, and the cells of each row.

        Args:
            columns: names of `HEAD`; all if left out.
        """
        head = [HEAD[key] for key in columns]
        return head, [row.cells(self.classes, columns) for row in self.rows]

    def markdown(self, picture: str, /) -> str:
        """The table with its rules, for a page beside a picture."""
        head, rows = self.table()
        lines = [f"# League on {self.data}", "", self.rules(), ""]
        lines += ["| " + " | ".join(one) + " |" for one in [head, ["---"] * len(head), *rows]]
        drawn = ", ".join(row.name for row in self.rows if row.pictures is not None)
        lines += ["", LEGEND, "", f"![the first examples of each row]({picture})", ""]
        lines += [f"The first examples of seed {self.seeds[0]}, from above: {drawn}."]
        lines += ["", f"Again: `{self.repeat}`"] if self.repeat else []
        return "\n".join(lines) + "\n"

    def to_json(self) -> dict[str, Any]:
        """As JSON types, without the pictures."""
        keys = ("data", "budget", "count", "real", "seeds", "judges", "classes", "repeat")
        own = {key: getattr(self, key) for key in keys}
        rows = [
            {"name": row.name, "control": row.control, "failed": row.failed}
            | row.figures
            | {"spread": row.spread, "intervals": row.intervals, "each": row.each}
            | {"flags": row.flags(self.classes)}
            for row in self.rows
        ]
        return own | {"rows": rows}

    def write(self, folder: Path, /, name: str = "league") -> list[Path]:
        """Write pages and a picture of this name; each whole or not at all.

        Returns:
            The paths of NAME.json, NAME.md, NAME.png and NAME.html.
        """
        text = json.dumps(self.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        return [
            write_file(folder / f"{name}.json", text),
            write_file(folder / f"{name}.md", self.markdown(f"{name}.png")),
            drawn("league:picture", self, folder / f"{name}.png"),
            self.draw(folder / f"{name}.html"),
        ]

    def draw(self, path: str | Path, /) -> Path:
        """Write the page with the table and some examples of each row."""
        return drawn("league:league", self, path)


NARROW = (
    "name", "ms", "nfid", "precision", "recall", "coverage", "accuracy", "cas", "memorisation",
    "bits", "flags",
)  # fmt: skip
"""The columns that a terminal has room for."""

LEGEND = (
    "P, R, D, C: precision, recall, density, coverage. IS: inception score. class acc.: examples "
    "that the second judge sees as of the class asked for. CAS: accuracy on real test examples of "
    "a classifier that was trained on drawn ones. C2ST: how often a classifier tells drawn from "
    "real, 0.5 at best. NN ratio: distance to the nearest training example, over that of a real "
    "test example; copies: share that is a training example. NFE: how often the network, or the "
    "part of it that is called most, is called for an example: once for each step of a sampler, "
    "once for each number that is drawn after the other (with PixelCNN each call is of the last "
    "rows alone). Rows below the models are controls: no model made them."
)
