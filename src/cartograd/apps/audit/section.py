"""A section of the card: one protocol, a file for each, in `sections/`.

A new section is a class with these few names, put into the list of `sections/__init__.py`; the
budget, what is kept, the rules, the page and the comparison of cards know nothing else of it.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

from markupsafe import Markup

from cartograd.apps.audit.figure import Figure, Mark, worst
from cartograd.apps.audit.subject import Subject


@dataclass(frozen=True)
class Found:
    """What a section found.

    Attributes:
        figures: its numbers; the first is the one to look at.
        lead: a sentence or two that say how to read the pictures.
        body: pictures, then tables, as HTML.
        details: further numbers (curves), as JSON types.
        untested: what of the section was left out, and why, a line each.
    """

    figures: tuple[Figure, ...]
    lead: str = ""
    body: Markup = field(default_factory=Markup)
    details: dict[str, Any] = field(default_factory=dict)
    untested: tuple[str, ...] = ()

    @property
    def mark(self) -> Mark:
        """The worst of its figures."""
        return worst([figure.mark for figure in self.figures])

    def to_json(self) -> dict[str, Any]:
        """Everything, the page's part too."""
        return {
            "figures": [figure.to_json() for figure in self.figures],
            "lead": self.lead, "body": str(self.body), "details": self.details,
            "untested": list(self.untested),
        }  # fmt: skip

    @staticmethod
    def from_json(told: dict[str, Any], /) -> "Found":
        """What `to_json` wrote, in a file of ours."""
        return Found(
            tuple(map(Figure.from_json, told["figures"])),
            told["lead"],
            Markup(told["body"]),
            told["details"],
            tuple(told["untested"]),
        )


@runtime_checkable
class Section(Protocol):
    """What every section has.

    Attributes:
        name: what rules and the JSON call it.
        title: its heading.
        asks: the question that it answers.
        weight: its share of the minutes; 0 where it needs no more than the answers.
        pilot: examples that it is timed on first, the least that it says something of.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    asks: ClassVar[str]
    weight: ClassVar[float]
    pilot: ClassVar[int]

    def why_not(self, subject: Subject, /) -> str:
        """Why it cannot be had of this model and these data, in a sentence; empty where it can."""
        ...

    def names(self, subject: Subject, /) -> tuple[str, ...]:
        """The names of the figures that it gives, so that rules are checked before the work."""
        ...

    def measure(self, subject: Subject, /) -> Found:
        """The work, on all examples of the subject."""
        ...
