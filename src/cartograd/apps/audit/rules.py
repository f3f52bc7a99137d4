"""Rules by named figures: what a pipeline asks of a model before it goes out.

A TOML file names figures as the card does; each gets a comparison, of the number itself or of an
end of its interval.

    [accuracy]
    overall = ">= 0.9"
    "class.3" = "low >= 0.8"
    [privacy]
    membership_auc = "<= 0.6"

>>> parsed({"accuracy": {"overall": ">= 0.9"}}, {"accuracy.overall"})
[Rule(name='accuracy.overall', of='value', side='>=', limit=0.9)]
"""

import math
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cartograd.apps.audit.figure import Figure
from cartograd.core.errors import UsageError, unknown
from cartograd.core.paths import expanded, no_such_path

FORM = re.compile(r"\s*(low|high|)\s*(>=|<=|>|<)\s*(\S+)\s*")

EXPECTED = 'expected such as ">= 0.9", or "low >= 0.9" for an end of the interval'


@dataclass(frozen=True)
class Rule:
    """One comparison.

    Attributes:
        name: of the figure, `SECTION.NAME`.
        of: `value`, `low` or `high`.
        side: `>=`, `<=`, `>` or `<`.
        limit: the number.
    """

    name: str
    of: str
    side: str
    limit: float

    def __str__(self) -> str:
        end = "" if self.of == "value" else f"{self.of} "
        return f"{self.name} {end}{self.side} {self.limit:g}"

    def holds(self, figure: Figure, /) -> bool:
        """Whether a figure keeps it; one that is not a number keeps none."""
        own = {"value": figure.value, "low": figure.low, "high": figure.high}[self.of]
        if math.isnan(own):
            return False
        return {
            ">=": own >= self.limit, "<=": own <= self.limit,
            ">": own > self.limit, "<": own < self.limit,
        }[self.side]  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """What came of a rule.

    Attributes:
        rule: which.
        passed: whether it is kept.
        said: the figure, or why there is none.
    """

    rule: Rule
    passed: bool
    said: str

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return {"rule": str(self.rule), "passed": self.passed, "said": self.said}


def read_rules(given: str | Path | Mapping[str, Any], names: Collection[str], /) -> list[Rule]:
    """The rules of a file or of a mapping, each of a figure that the card can have.

    Args:
        given: the TOML file, or what it would hold.
        names: of all figures.

    Raises:
        UsageError: the file is missing or no TOML, a figure is unknown, or a comparison is none.
    """
    if isinstance(given, Mapping):
        return parsed(given, names)
    path = expanded(given)
    if path.is_dir():
        raise UsageError(f"{path} is a folder; expected a TOML file of rules")
    if not path.is_file():
        raise no_such_path(str(given))
    try:
        return parsed(tomllib.loads(path.read_text(encoding="utf-8")), names)
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read {path}: it is no text (UTF-8)") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is no TOML: {error}") from error
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def parsed(tables: Mapping[str, Any], names: Collection[str], /) -> list[Rule]:
    """The rules of tables within each other.

    Raises:
        UsageError: see `read_rules`, or there is none.
    """
    found = []
    for name, text in _flat(tables):
        if name not in names:
            raise unknown("figure", name, names)
        form = FORM.fullmatch(text) if isinstance(text, str) else None
        try:
            limit = float(form[3]) if form else math.nan
        except ValueError:
            limit = math.nan
        if form is None or math.isnan(limit):
            raise UsageError(f"{name} = {text!r} is no rule; {EXPECTED}")
        found.append(Rule(name, form[1] or "value", form[2], limit))
    if not found:
        raise UsageError(f"there are no rules; {EXPECTED} under the name of a figure")
    return found


def _flat(tables: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tables.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
