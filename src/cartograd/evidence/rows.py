"""What the acceptance runs measured, a line a row, as `python -m acceptance` writes them."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("rows.tsv")


@dataclass(frozen=True)
class Row:
    """An acceptance run.

    Attributes:
        name: of it.
        claim: what was run.
        measured: what came out, per seed.
        asked: what the worst seed had to reach.
        verdict: `passed` or `failed`.
    """

    name: str
    claim: str
    measured: str
    asked: str
    verdict: str

    def line(self) -> str:
        """The row as a line of the file."""
        return "\t".join(" ".join(text.split()) for text in vars(self).values())


@cache
def rows() -> dict[str, Row]:
    """All rows by name.

    >>> rows()["lenet5-digits"].verdict
    'passed'
    """
    lines = FILE.read_text(encoding="utf-8").splitlines()
    found = (Row(*line.split("\t")) for line in lines)
    return {row.name: row for row in found}
