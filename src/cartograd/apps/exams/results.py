"""What came of an exam: figures with intervals, every answer, and how two models differ."""

from dataclasses import dataclass
from typing import Any

from cartograd.apps.exams.paired import Paired
from cartograd.apps.exams.scores import Figure


@dataclass(frozen=True)
class Answer:
    """What a model answered to an item.

    Attributes:
        item: its number, from 1.
        prompt: what was asked.
        said: the choice, or what was made of the texts, by filter.
        truth: the right answers.
        counts: by figure, what it counts: a number, or numerator and denominator.
        texts: what was written, as it was written.
        logs: of each choice, the logarithm of its probability.
    """

    item: int
    prompt: str
    said: dict[str, str]
    truth: tuple[str, ...]
    counts: dict[str, Any]
    texts: tuple[str, ...] = ()
    logs: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return dict(vars(self))


@dataclass(frozen=True)
class Result:
    """One model in one exam.

    Attributes:
        task, kind: of the exam.
        model: who sat it.
        figures: by name, with their intervals; the first is the main one.
        answers: to each item.
        shots: worked examples before each.
        chance: the share of right answers by guessing; None where nothing can be guessed.
        unparsed: verdicts of the judge that could not be read; their items count for nothing.
        notes: what has to be told besides.
        paired: against the other model, where there is one.
    """

    task: str
    kind: str
    model: str
    figures: dict[str, Figure]
    answers: tuple[Answer, ...]
    shots: int = 0
    chance: float | None = None
    unparsed: int = 0
    notes: tuple[str, ...] = ()
    paired: tuple[Paired, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON types, but for the answers."""
        return {
            "task": self.task, "kind": self.kind, "model": self.model, "items": len(self.answers),
            "shots": self.shots, "chance": self.chance, "unparsed": self.unparsed,
            "figures": {name: dict(vars(one)) for name, one in self.figures.items()},
            "paired": [one.to_json() for one in self.paired], "notes": list(self.notes),
        }  # fmt: skip
