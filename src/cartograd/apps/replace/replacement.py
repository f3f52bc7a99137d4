"""What came of asking whether B may replace A: the verdict first, then all that bears it."""

from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.replace.changed import Change, Group
from cartograd.apps.replace.cost import Cost, Limit
from cartograd.apps.replace.form import Facts
from cartograd.apps.replace.parted import Parting
from cartograd.apps.replace.questions import Questions
from cartograd.apps.replace.regions import Region
from cartograd.apps.replace.verdict import Judged, Word, whole

DRAWN_BY = "cartograd.apps.replace.page"
"""Found by its name, as results find their drawings: it imports this file."""

FORMAT = 1


@dataclass(frozen=True)
class Replacement:
    """Whether one form may replace another.

    Attributes:
        a, b: the two.
        questions: what both were asked.
        answers: of both: probabilities, or values.
        metrics: what follows by each margin.
        changes: the answers that changed, the worst first.
        groups: the changes by class, confidence and column.
        regions: of the input, in which B is worse.
        costs: of both.
        limits: what B may cost at most, and what it does.
        parting: where the two part; None where they answer alike.
        looked_for_regions: why none were looked for, if so.
    """

    a: Facts
    b: Facts
    questions: Questions = field(repr=False)
    answers: tuple[Float[Tensor, "n *t k"], Float[Tensor, "n *t k"]] = field(repr=False)
    metrics: tuple[Judged, ...]
    changes: tuple[Change, ...] = field(repr=False)
    groups: tuple[Group, ...] = field(repr=False)
    regions: tuple[Region, ...]
    costs: tuple[Cost, Cost]
    limits: tuple[Limit, ...] = ()
    parting: Parting | None = None
    looked_for_regions: str = ""

    @property
    def word(self) -> Word:
        """The verdict: `may`, `may not` or `too few`."""
        broken = any(not one.kept for one in self.limits)
        return "may not" if broken else whole([one.word for one in self.metrics])

    @property
    def may(self) -> bool:
        """Whether B may replace A; not where there are too few examples to say."""
        return self.word == "may"

    @property
    def more(self) -> int | None:
        """How many further examples would decide, where there are too few."""
        known = [one.more for one in self.metrics if one.word == "too few"]
        return None if not known or None in known else max(one for one in known if one)

    @property
    def said(self) -> str:
        """The verdict in a sentence."""
        pair, n = f"{self.b.name} {{}} replace {self.a.name}", len(self.questions)
        broken = [one.said for one in self.limits if not one.kept]
        lost = [_lost(one) for one in self.metrics if one.word == "may not"]
        if lost or broken:
            return f"{pair.format('may not')}: {'; '.join([*lost, *broken])}."
        if self.word == "may":
            found = "; ".join(
                f"{one.spoken} is worse by at most {amount(one, -one.low)} (margin "
                f"{amount(one, one.margin)})" if one.low < 0 else f"{one.spoken} is no worse"
                for one in self.metrics
            )  # fmt: skip
            return f"{pair.format('may')}: {found}, at 95 % by {n:,} examples."
        open_ = ", ".join(one.spoken for one in self.metrics if one.word == "too few")
        need = (
            f"about {self.more:,} more needed" if self.more else
            "the two are so near to the margin that no number of them would tell"
        )  # fmt: skip
        return f"Too few examples to say by {open_}: {n:,} are there, {need}."

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "format": FORMAT, "verdict": self.word, "may": self.may, "said": self.said,
            "more_examples": self.more, "data": self.questions.data,
            "examples": len(self.questions), "notes": list(self.questions.notes),
            "a": _facts(self.a), "b": _facts(self.b),
            "metrics": [one.to_json() for one in self.metrics],
            "changed": {
                word: sum(one.became == word for one in self.changes)
                for word in dict.fromkeys(one.became for one in self.changes)
            },
            "groups": [dict(vars(one)) for one in self.groups],
            "regions": [one.to_json() for one in self.regions],
            "costs": {"a": self.costs[0].to_json(), "b": self.costs[1].to_json()},
            "limits": [one.to_json() for one in self.limits],
            "parting": None if self.parting is None else self.parting.to_json(),
            "changes": [dict(vars(one)) for one in self.changes],
        }  # fmt: skip

    def draw(self, path: str | Path, /) -> Path:
        """Write it as one HTML page that needs nothing beside itself."""
        return import_module(DRAWN_BY).replacement_page(path, self)


def _lost(one: Judged) -> str:
    return (
        f"{one.spoken} is worse by at least {amount(one, -one.high)}, and the margin is "
        f"{amount(one, one.margin)}"
    )


def amount(one: Judged, value: float, /) -> str:
    """A difference in the metric's unit: points of percent, or its numbers."""
    if units.unit(one.metric) != "%":
        return units.number(value)
    digits = 1 if abs(value) >= 0.01 or value == 0 else 2
    return f"{100 * value:.{digits}f} points"


def _facts(facts: Facts) -> dict[str, Any]:
    return {"name": facts.name, "kind": facts.kind, "size": facts.size}
