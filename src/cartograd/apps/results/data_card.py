"""What a look at data found: what they are, and what is the matter with them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from cartograd.apps.answers import units
from cartograd.core.notebook import drawn
from cartograd.core.ports import Port

Severity = Literal["stop", "warn", "note"]

SEVERITIES: tuple[Severity, ...] = ("stop", "warn", "note")
"""What stops a training, what misleads it, and what is good to know."""

NAMED = 5
"""Examples that are named in a line."""


@dataclass(frozen=True)
class Shown:
    """An example on the page: its input, what to call it, and what is said of it."""

    x: Tensor
    name: str
    said: str = ""


@dataclass(frozen=True)
class DataFinding:
    """One thing that is the matter with data.

    Attributes:
        severity: whether it stops a training, misleads it, or is good to know.
        what: what it is called, such as `copies`.
        said: what was found, in a sentence.
        count: of how many examples (or columns, or files).
        examples: names of some.
        mend: what to do; the option or the command that does it.
        figure: what was measured, where that is a statistic.
        control: the same by chance.
        shown: groups of examples for the page.
    """

    severity: Severity
    what: str
    said: str
    count: int
    examples: tuple[str, ...] = ()
    mend: str = ""
    figure: float | None = None
    control: float | None = None
    shown: tuple[tuple[Shown, ...], ...] = field(default=(), repr=False)

    @property
    def named(self) -> str:
        """A few examples in a line."""
        more = f" and {len(self.examples) - NAMED} more" if len(self.examples) > NAMED else ""
        return ", ".join(self.examples[:NAMED]) + more

    @property
    def line(self) -> str:
        """All of it in a line for people."""
        named = f" (such as {self.named})" if self.examples else ""
        return f"{self.what}: {self.said}{named}" + (f"; {self.mend}" if self.mend else "")

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        keys = ("severity", "what", "said", "count", "mend", "figure", "control")
        return {key: getattr(self, key) for key in keys} | {"examples": list(self.examples)}


@dataclass(frozen=True)
class DataCard:
    """What data are, and what is the matter with them.

    Attributes:
        data: what was asked about.
        source: the source that reads it.
        kind: what the examples and their answers are.
        parts: how many examples are in which part.
        classes: how many of each class are in which part; empty where there are none.
        decided: what was decided while they were read.
        facts: what was measured of the examples, by name: least, middle and greatest number.
        findings: the gravest first.
        skipped: what was not looked at, and why.
        looked: how many examples were looked at.
        seconds: how long it took.
        port: of the examples.
        sizes: columns and rows of pictures, for the page.
    """

    data: str
    source: str
    kind: str
    parts: dict[str, int]
    classes: dict[str, dict[str, int]]
    decided: tuple[str, ...]
    facts: dict[str, tuple[float, float, float]]
    findings: tuple[DataFinding, ...]
    skipped: dict[str, str]
    looked: int
    seconds: float
    port: Port | None = field(default=None, repr=False)
    sizes: tuple[tuple[float, float], ...] = field(default=(), repr=False)

    @property
    def verdict(self) -> str:
        """The gravest that was found, in words."""
        stops, warns, notes = (self.count(one) for one in SEVERITIES)
        rest = f"{warns} to look at, {notes} to know"
        if stops:
            return f"a training would stop: {stops} thing{'s' * (stops > 1)} to mend, {rest}"
        return f"fit for training: {rest}" if not warns else f"fit for training, but: {rest}"

    def count(self, severity: Severity, /) -> int:
        """How many findings are of a severity."""
        return sum(one.severity == severity for one in self.findings)

    def code(self, *, strict: bool = False) -> int:
        """The exit code: 2 where a training would stop, 1 for warnings if it is strict."""
        return 2 if self.count("stop") else int(strict and self.count("warn") > 0)

    def rows(self) -> list[tuple[str, ...]]:
        """A row for each finding: severity, what, how many, what was found, what to do."""
        return [
            (one.severity, one.what, f"{one.count:,}", _with_examples(one), one.mend)
            for one in self.findings
        ]

    def lines(self) -> list[tuple[str, str]]:
        """What the data are, by name."""
        parts = ", ".join(f"{part} {count:,}" for part, count in self.parts.items())
        found = [("kind", self.kind), ("examples", parts)]
        if self.classes:
            totals = {name: sum(counts.values()) for name, counts in self.classes.items()}
            ordered = sorted(totals.items(), key=lambda pair: -pair[1])
            shown = ", ".join(f"{name} {count:,}" for name, count in ordered[:8])
            found.append(("classes", shown + (", ..." if len(ordered) > 8 else "")))
        found += [(name, _range(three)) for name, three in list(self.facts.items())[:6]]
        return [pair for pair in found if pair[1]]

    def to_json(self) -> dict[str, Any]:
        """Plain values, but for the pictures."""
        keys = ("data", "source", "kind", "verdict", "parts", "classes", "skipped", "looked")
        return {key: getattr(self, key) for key in keys} | {
            "seconds": round(self.seconds, 3),
            "decided": list(self.decided),
            "facts": {name: list(three) for name, three in self.facts.items()},
            "findings": [one.to_json() for one in self.findings],
        }

    def draw(self, path: str | Path, /) -> Path:
        """Write it as an HTML page that needs nothing beside."""
        return drawn("data_page:data_page", self, path)


def _with_examples(one: DataFinding) -> str:
    return f"{one.said} ({one.named})" if one.examples else one.said


def _range(three: tuple[float, float, float]) -> str:
    low, middle, high = map(units.number, three)
    return f"{low} to {high}, half up to {middle}"
