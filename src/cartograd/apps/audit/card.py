"""The card itself: what each section found, what was not tested, and the verdict in a sentence."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from cartograd.apps.audit.comparison import Comparison
from cartograd.apps.audit.figure import Figure, Mark, said, spread, worst
from cartograd.apps.audit.rules import Rule, Verdict
from cartograd.apps.audit.section import Found
from cartograd.core.files import write_file

FORMAT = 1
WORDS: dict[Mark, str] = {"fail": "Fails", "warn": "Passes with warnings", "pass": "Passes"}
DRAWN_BY = "cartograd.apps.audit.page"
"""Found by its name, as results find their drawings: it imports the card."""
PAGE, DATA = "audit.html", "audit.json"


@dataclass(frozen=True)
class Done:
    """A section that was measured.

    Attributes:
        name, title, asks: of the section.
        found: what it found.
        cost: `n`, `cpu_seconds`, and how `n` was chosen.
    """

    name: str
    title: str
    asks: str
    found: Found
    cost: dict[str, Any]


@dataclass(frozen=True)
class Audit:
    """An audit card.

    Attributes:
        model: what it is called.
        data: what it was measured on, with the part.
        sections: those that were measured.
        untested: the titles of the others by name, with the reason of each.
        about: digests, versions, settings, what is known of the training.
        rules: what came of each rule that was given.
        comparison: with another card, if one was given.
    """

    model: str
    data: str
    sections: tuple[Done, ...]
    untested: dict[str, tuple[str, str]]
    about: dict[str, Any]
    rules: tuple[Verdict, ...] = ()
    comparison: Comparison | None = field(default=None, repr=False)

    @property
    def figures(self) -> dict[str, Figure]:
        """All figures by `SECTION.NAME`, as rules call them."""
        return {
            f"{done.name}.{figure.name}": figure
            for done in self.sections
            for figure in done.found.figures
        }

    def __getitem__(self, name: str, /) -> Figure:
        return self.figures[name]

    @property
    def mark(self) -> Mark:
        """The worst of all figures and rules."""
        ruled: list[Mark] = ["pass" if one.passed else "fail" for one in self.rules]
        return worst([*(done.found.mark for done in self.sections), *ruled])

    @property
    def passed(self) -> bool:
        """Whether every rule that was given is kept."""
        return all(one.passed for one in self.rules)

    @property
    def verdict(self) -> str:
        """One sentence: the mark, the worst figures, and how much was not tested."""
        marks = [figure.mark for figure in self.figures.values()]
        told = WORDS.get(self.mark, "Measures")
        bad = [name for name, one in self.figures.items() if one.mark == self.mark]
        broken = [str(one.rule) for one in self.rules if not one.passed]
        if broken:
            told += f": the rule {', '.join(broken[:3])} is not kept"
        elif self.mark in ("fail", "warn"):
            more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
            told += f": see {', '.join(bad[:3])}{more}"
        count = {mark: marks.count(mark) for mark in ("pass", "warn", "fail")}
        parts = f"{count['pass']} figures pass, {count['warn']} warn, {count['fail']} fail"
        untested = len(self.untested)
        word = "section was" if untested == 1 else "sections were"
        rest = f"{untested} {word} not tested" if untested else "every section was tested"
        return f"{told}. {parts}; {rest}."

    def judged(self, rules: list[Rule], /) -> Iterator[Verdict]:
        """What comes of rules; one of a figure that there is not is broken, and says why."""
        figures = self.figures
        for rule in rules:
            section = rule.name.partition(".")[0]
            if rule.name in figures:
                figure = figures[rule.name]
                own = {"value": figure.value, "low": figure.low, "high": figure.high}[rule.of]
                yield Verdict(rule, rule.holds(figure), f"{own:.4g}")
            else:
                why = self.untested.get(section, ("", "it was not measured of these examples"))[1]
                yield Verdict(rule, False, f"not tested: {why}")

    def to_json(self) -> dict[str, Any]:
        """As JSON types, but for the page's pictures."""
        told = {
            "format": FORMAT, "model": self.model, "data": self.data, "verdict": self.mark,
            "said": self.verdict,
            "sections": {done.name: _section(done, self.about["seed"]) for done in self.sections},
            "not_tested": {
                name: {"title": title, "why": why} for name, (title, why) in self.untested.items()
            },
            "about": plain(self.about),
            "rules": [one.to_json() for one in self.rules], "passed": self.passed,
        }  # fmt: skip
        return told | ({"against": self.comparison.to_json()} if self.comparison else {})

    def write(self, folder: str | Path, /) -> tuple[Path, Path]:
        """Write the page and the JSON, each whole or not at all.

        Raises:
            UsageError: the folder cannot be written.
        """
        page = self.draw(Path(folder) / PAGE)
        text = json.dumps(self.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
        return page, write_file(Path(folder) / DATA, text + "\n")

    def draw(self, path: str | Path, /) -> Path:
        """Write the card as one HTML page that needs nothing beside itself."""
        return import_module(DRAWN_BY).audit_page(path, self)

    def rows(self) -> list[tuple[str, ...]]:
        """A row for each section: its mark and its first figure."""
        rows = []
        for done in self.sections:
            first = done.found.figures[0]
            rows.append(
                (done.title, done.found.mark or "told", first.title, said(first, first.value),
                 spread(first), said(first, first.control), f"{first.n:,}")
            )  # fmt: skip
        return rows


def _section(done: Done, seed: int) -> dict[str, Any]:
    """A section with its figures, each with what it cost."""
    more = {"seed": seed, "cpu_seconds": done.cost["cpu_seconds"]}
    return {
        "title": done.title, "mark": done.found.mark, "cost": done.cost,
        "figures": {one.name: one.to_json() | more for one in done.found.figures},
        "details": plain(done.found.details), "not_tested": list(done.found.untested),
    }  # fmt: skip


def plain(value: Any, /) -> Any:
    """A value as strict JSON types: NaN and infinity become null.

    >>> plain({1: (float("nan"), 2.0)})
    {'1': [None, 2.0]}
    """
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
