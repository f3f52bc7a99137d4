"""What came of a league: a row for each model and each control, with its flags."""

import json
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
    "name": "model", "parameters": "parameters", "train": "train CPU-s", "ms": "ms each",
    "nfe": "NFE", "nfid": "nFID", "kid": "KID", "precision": "P", "recall": "R", "density": "D",
    "coverage": "C", "is": "IS", "accuracy": "class acc.", "cas": "CAS", "c2st": "C2ST",
    "memorisation": "NN ratio", "copies": "copies", "bits": "bits/dim", "kind": "kind",
    "flags": "flags",
}  # fmt: skip
"""The columns, by the names of figures."""

DIGITS = {
    "train": 0, "ms": 2, "nfid": 1, "kid": 0, "precision": 2, "recall": 2, "density": 2,
    "coverage": 2, "is": 2, "accuracy": 3, "cas": 3, "c2st": 2, "memorisation": 2, "copies": 2,
    "bits": 2,
}  # fmt: skip
"""Decimals of each column."""


@dataclass(frozen=True)
class Row:
    """A model or a control.

    Attributes:
        name: what it is.
        figures: by the names of `HEAD`; None where there is no such figure.
        control: whether no model made it.
        failed: why there are no figures.
        pictures: some of its examples.
    """

    name: str
    figures: dict[str, Any] = field(default_factory=dict)
    control: bool = False
    failed: str = ""
    pictures: Float[Tensor, "n c y x"] | None = field(default=None, repr=False, compare=False)

    def flags(self, classes: int, /) -> list[str]:
        """What a reader has to know before comparing.

        >>> Row("a", {"coverage": 0.1, "memorisation": 0.2, "accuracy": 0.1}).flags(10)
        ['collapse', 'copies', 'no class']
        """
        if self.failed:
            return [self.failed]
        accuracy = self.figures["accuracy"]
        found = {
            "collapse": self.figures["coverage"] < COVERED,
            "copies": self.figures["memorisation"] < NEW,
            "no class": accuracy is not None and accuracy < CHANCES / classes,
        }
        return [name for name, holds in found.items() if holds]

    def cells(self, classes: int, columns: Sequence[str] = tuple(HEAD), /) -> list[str]:
        """The row of the table, as texts."""
        texts = {"name": self.name, "flags": "; ".join(self.flags(classes))}
        for key in columns:
            value = self.figures.get(key)
            if key not in texts:
                texts[key] = "–" if value in (None, "") else _text(key, value)
        return [texts[key] for key in columns]


def _text(key: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.{DIGITS[key]}f}" if key in DIGITS else f"{value:,}"


@dataclass(frozen=True)
class League:
    """Generative models that were trained alike, by the same judges.

    Attributes:
        data: what they learned.
        budget: processor seconds of each training.
        count: drawn examples of each row.
        real: real ones that these are compared with.
        seed: of each training and drawing.
        judges: digest of the judges.
        classes: how many there are.
        rows: the models, the best nFID first, then the controls.
        repeat: the command line that makes the same again.
    """

    data: str
    budget: float
    count: int
    real: int
    seed: int
    judges: str
    classes: int
    rows: Sequence[Row]
    repeat: str = ""

    def rules(self) -> str:
        """How it was measured, in a few sentences."""
        return (
            f"Each model learned {self.data} for {self.budget:g} processor seconds (validation "
            f"counted in, one rate throughout, the weights of its best epoch), drew {self.count:,} "
            f"examples once (seed {self.seed}, temperature 1, no guidance), and was compared with "
            f"{self.real:,} training examples by the features of one judge; a judge of another "
            f"design says the classes (judges {self.judges}). nFID and KID are of "
            f"{self.count:,} examples: compare them with no other number of examples. Neither "
            "precision nor nFID alone says that a model is good: noise may be precise, and who has "
            "learned by heart has a low nFID."
        )

    def table(self, columns: Sequence[str] = tuple(HEAD), /) -> tuple[list[str], list[list[str]]]:
        """The heads of the columns, and the cells of each row.

        Args:
            columns: names of `HEAD`; all if left out.
        """
        head = [HEAD[key] for key in columns]
        return head, [row.cells(self.classes, columns) for row in self.rows]

    def markdown(self) -> str:
        """The table with its rules, for a page."""
        head, rows = self.table()
        lines = [f"# League on {self.data}", "", self.rules(), ""]
        lines += ["| " + " | ".join(one) + " |" for one in [head, ["---"] * len(head), *rows]]
        lines += ["", LEGEND, *(["", f"Again: `{self.repeat}`"] if self.repeat else [])]
        return "\n".join(lines) + "\n"

    def to_json(self) -> dict[str, Any]:
        """As JSON types, without the pictures."""
        keys = ("data", "budget", "count", "real", "seed", "judges", "classes", "repeat")
        own = {key: getattr(self, key) for key in keys}
        rows = [
            {"name": row.name, "control": row.control, "failed": row.failed}
            | row.figures
            | {"flags": row.flags(self.classes)}
            for row in self.rows
        ]
        return own | {"rows": rows}

    def write(self, folder: Path, /) -> list[Path]:
        """Write `league.md`, `league.json` and `league.html`; each whole or not at all."""
        text = json.dumps(self.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        return [
            write_file(folder / "league.json", text),
            write_file(folder / "league.md", self.markdown()),
            self.draw(folder / "league.html"),
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
    "test example; copies: share that is a training example. NFE: calls of the network for an "
    "example. Rows below the models are controls: no model made them."
)
