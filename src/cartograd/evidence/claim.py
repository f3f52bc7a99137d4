"""A claim of the map: the statement, what would bear it out, and how that is decided.

Each file of `evidence/claims/` holds `CLAIM = Claim(...)`, literals that are read without running
the file, and `measure(seed)`, the experiment. The rule stands in the literal; when it was fixed,
and what had been seen by then, is told by the journal (`cartograd.evidence.design`).
"""

import ast
import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from cartograd.core.errors import unknown
from cartograd.evidence.verdict import Decide

CLAIMS = Path(__file__).parent / "claims"
RESULTS = Path(__file__).parent / "results"
_BLOCK = re.compile(r"^CLAIM = Claim(\(\n.*?^\))$", re.MULTILINE | re.DOTALL)


class Curve(NamedTuple):
    """A line that an experiment draws, such as a loss over steps; one for each seed."""

    x: Sequence[float]
    y: Sequence[float]


Measured = Mapping[str, float | Curve]
"""What `measure(seed)` gives: figures by name, and curves."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A statement and its experiment.

    Attributes:
        id: that of the map's list of statements, and the file's name with hyphens.
        place: id of the map's place that it speaks of; claims of your own have none.
        en, zh: the statement, as the map has it.
        hypothesis: what is measured on what, and what would bear the statement out.
        rule: the checks that decide, e.g. `mean gain > 0` (see `cartograd.evidence.verdict`).
        requires: checks that have to hold before the rule is asked, such as that an arm that is
            known to break does; otherwise the verdict is `undecided`.
        decide: `all` checks must agree, or the `majority` of them; or `each` is a cell of a table.
        seeds: how often it is run, with the seeds `first`, `first` + 1, ...
        first: the first seed; a design that was mended after a look has seeds nobody saw.
        exact: nothing in it is random, so that one run is the answer.
        minutes: of processor time that all seeds may take; more than ten mark a longer claim.
        data: package that has to be fetched, if any.
        remark: what a reader should know beside the verdict, above all where the statement is
            true only in part.
        draw: the figures (without curves) or curves of the picture; by default all of them.
        axes: what the picture's axes show: across, and upwards.
        scale: axes that are logarithmic: nothing, `x`, `y` or `xy`.
    """

    id: str = ""
    place: str = ""
    en: str
    zh: str = ""
    hypothesis: str
    rule: tuple[str, ...]
    requires: tuple[str, ...] = ()
    decide: Decide = "all"
    seeds: int = 5
    first: int = 0
    exact: bool = False
    minutes: int = 10
    data: str = ""
    remark: str = ""
    draw: tuple[str, ...] = ()
    axes: tuple[str, str] = ("", "")
    scale: str = ""

    @property
    def module(self) -> str:
        """Dotted name of the file with the experiment."""
        return f"cartograd.evidence.claims.{self.id.replace('-', '_')}"

    def to_json(self) -> dict[str, Any]:
        """The claim as JSON types."""
        return asdict(self)


@dataclass(frozen=True)
class Statement:
    """A statement of the map, whether it has an experiment yet or not.

    Attributes:
        id, concept: its name, and the place it speaks of.
        claim_zh, claim_en: the statement in both languages.
        experiment, verdict_rule: what the map asks for, in words.
    """

    id: str
    concept: str
    claim_zh: str
    claim_en: str
    experiment: str
    verdict_rule: str


@cache
def statements() -> dict[str, Statement]:
    """Every statement of the map that an experiment can test, by its id."""
    with Path(__file__).with_name("statements.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["id"]: Statement(**row) for row in rows}


def read(path: Path, /) -> Claim:
    """The claim of a file, read from its text."""
    block = _BLOCK.search(path.read_text(encoding="utf-8"))
    if block is None:
        raise AssertionError(f"{path} has no CLAIM = Claim(...)")
    call = ast.parse(f"Claim{block[1]}", mode="eval").body
    assert isinstance(call, ast.Call)
    return Claim(**{item.arg: ast.literal_eval(item.value) for item in call.keywords if item.arg})


@cache
def claims() -> dict[str, Claim]:
    """Every claim that has an experiment, in the order of the map's list."""
    paths = (path for path in CLAIMS.glob("*.py") if path.stem != "__init__")
    found = {claim.id: claim for claim in map(read, paths)}
    order = list(statements())
    return {name: found[name] for name in sorted(found, key=order.index)}


def find(name: str, /) -> Claim:
    """The claim of this id; hyphens and underscores are alike.

    Raises:
        UsageError: there is none, with the nearest one.
    """
    given, name = name, name.replace("_", "-")
    if name not in claims():
        later = "(the map has this statement; its experiment is not written yet)"
        hint = later if name in statements() else "(`cartograd claim` lists all)"
        own = next((one for one in (f"{given}.py", f"{name}.py") if Path(one).is_file()), None)
        hint = hint if own is None else f"(a file of yours is named whole: cartograd claim {own})"
        raise unknown("claim", name, claims(), hint=hint)
    return claims()[name]


def is_own(name: str | Path, /) -> bool:
    """Whether a claim is asked for by its file.

    >>> is_own("mine.py"), is_own("gelu-approx")
    (True, False)
    """
    return str(name).endswith(".py") or isinstance(name, Path)


def deciding(result: dict[str, Any], /) -> dict[str, Any]:
    """The finding that a kept result's verdict hangs on.

    One that fails, else an open one; of an undecided one what is open, first of all a requirement
    that was not met; of one that holds, one that holds.
    """
    order = {"holds": ("holds", "open", "fails"), "undecided": ("open", "fails", "holds")}
    ranks = order.get(result["verdict"], ("fails", "open", "holds"))

    def rank(one: dict[str, Any]) -> tuple[bool, int]:
        return not (one["needed"] and one["state"] != "holds"), ranks.index(one["state"])

    return min(result["findings"], key=rank)


def stored(name: str, /) -> dict[str, Any] | None:
    """The result that is kept of a claim, or None if none was kept."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
